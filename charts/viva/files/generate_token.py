"""The readiness and liveness of a vLLM server: it is well when it generates one token within the seconds given.

    generate_token.py SECONDS

/health answers 200 with an engine that is dead behind it, and not in time with one that is merely busy. So a token is
asked for; and when it does not come in time because many others wait, a server that goes on generating for those is
well, too. PROBE_MODEL is the served name of the model, PROBE_URL the server (default http://localhost:8000),
VLLM_API_KEY its key if it has one.
"""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

# The server is this very pod: no proxy is between.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
GENERATED = "vllm:generation_tokens_total"


def generates(server: str, model: str, seconds: float) -> bool | None:
    """Whether one token came; None when nothing came in time. The body is that of any chat."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "temperature": 0}
    return good(server, "/v1/chat/completions", body, seconds, lambda answer: answer["usage"]["completion_tokens"] >= 1)


def good(server: str, path: str, body: dict, seconds: float, is_good: Callable[[dict], bool]) -> bool | None:
    """Whether the answer to a POST came and is good; None when nothing came in time."""
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("VLLM_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(server + path, json.dumps(body).encode(), headers)
    try:
        with OPENER.open(request, timeout=seconds) as answer:
            return is_good(json.load(answer))
    except TimeoutError:
        return None
    except urllib.error.URLError as error:
        return None if isinstance(error.reason, TimeoutError) else False
    except (OSError, ValueError, LookupError, TypeError):
        return False


def counted(server: str, counter: str, seconds: float) -> float | None:
    """What a counter has come to since the server started, or None when it does not say."""
    line = re.compile(rb"^%s(?:\{[^}]*\})?\s+([0-9.eE+]+)" % counter.encode(), re.MULTILINE)
    try:
        with OPENER.open(f"{server}/metrics", timeout=seconds) as answer:
            found = line.findall(answer.read())
    except OSError:
        return None
    return sum(map(float, found)) if found else None


def is_well(
    server: str,
    model: str,
    seconds: float,
    works: Callable[[str, str, float], bool | None] = generates,
    counter: str = GENERATED,
) -> bool:
    """Two thirds of the time are for the answer; what is left is for seeing whether others get theirs, by `counter`."""
    started = time.monotonic()
    before = counted(server, counter, seconds / 6)
    answer = works(server, model, seconds * 2 / 3 - (time.monotonic() - started))
    if answer is not None:
        return answer
    after = counted(server, counter, max(0.5, seconds - (time.monotonic() - started)))
    return before is not None and after is not None and after > before


if __name__ == "__main__":
    url = os.environ.get("PROBE_URL", "http://localhost:8000")
    if not is_well(url, os.environ["PROBE_MODEL"], float(sys.argv[1])):
        print("no token was generated in time")
        sys.exit(1)
