"""The readiness and liveness of a vLLM server of an embedding model, which generates nothing: it is well when it embeds
one word within the seconds given.

    embed_text.py SECONDS

When that does not come in time because many others wait, a server that goes on reading their texts is well, too. The
variables are those of generate_token.py.
"""

import os
import sys

from generate_token import good, is_well

READ = "vllm:prompt_tokens_total"


def embeds(server: str, model: str, seconds: float) -> bool | None:
    """Whether an embedding came; None when nothing came in time."""
    body = {"model": model, "input": "Hi"}
    return good(server, "/v1/embeddings", body, seconds, lambda answer: len(answer["data"][0]["embedding"]) > 0)


if __name__ == "__main__":
    url = os.environ.get("PROBE_URL", "http://localhost:8000")
    if not is_well(url, os.environ["PROBE_MODEL"], float(sys.argv[1]), embeds, READ):
        print("nothing was embedded in time")
        sys.exit(1)
