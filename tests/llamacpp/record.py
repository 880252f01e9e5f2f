"""Records what a model server answers to each thing that the router asks of one, byte for byte:

    .venv/bin/python tests/llamacpp/record.py URL "NAME VERSION" FILE

URL ends before /v1. Paths of the machine in an error's text are shortened, nothing else is changed.
services/llm/tests/recorded has what came of it; test_other_servers.py there holds the router to it.
"""

import json
import re
import sys
from pathlib import Path

import httpx

QUESTION = [{"role": "user", "content": "Why?"}]
SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
FOLDERS = re.compile(r"[^\s\"]*/site-packages/")
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def exchanges(model: str) -> dict[str, tuple[str, str, dict | None]]:
    """Method, path and body of each request, by what it is for."""
    chat, ask = "/v1/chat/completions", {"model": model, "messages": QUESTION, "temperature": 0}
    long = ask | {"messages": [{"role": "user", "content": "word " * 20_000}]}
    return {
        "models": ("GET", "/v1/models", None),
        "metrics": ("GET", "/metrics", None),
        "stream": ("POST", chat, ask | STREAM | {"max_tokens": 12}),
        "stream that a stop word ends": ("POST", chat, ask | STREAM | {"max_tokens": 40, "stop": ["P"]}),
        "completion": ("POST", "/v1/completions", {"model": model, "prompt": "Once", "max_tokens": 6, **STREAM}),
        "too long": ("POST", chat, long | STREAM),
        "too long, no stream": ("POST", chat, long | {"stream": False, "max_tokens": 1}),
        "audio": ("POST", chat, ask | STREAM | {"max_tokens": 4, "messages": [{"role": "user", "content": [SOUND]}]}),
        "other model": ("POST", chat, ask | STREAM | {"max_tokens": 2, "model": "another"}),
        "tokenize": ("POST", "/tokenize", {"model": model, "messages": QUESTION}),
        "embeddings": ("POST", "/v1/embeddings", {"model": model, "input": "x"}),
    }


def answered(url: str, method: str, path: str, body: dict | None = None) -> dict:
    """Status, content type and the body as far as it came; each on a connection of its own, since errors end one."""
    came = b""
    with httpx.stream(method, url + path, json=body, timeout=120, trust_env=False) as response:
        try:
            for part in response.iter_raw():
                came += part
        except httpx.RemoteProtocolError:
            pass  # a stream that is refused is sometimes cut off
    kind = response.headers.get("content-type", "").partition(";")[0]
    return {"status": response.status_code, "type": kind, "body": FOLDERS.sub("", came.decode())}


def record(url: str) -> dict[str, dict]:
    """Every exchange with the server."""
    model = json.loads(answered(url, "GET", "/v1/models")["body"])["data"][0]["id"]
    return {name: answered(url, *asked) for name, asked in exchanges(model).items()}


if __name__ == "__main__":
    address, server, file = sys.argv[1:]
    how = "By tests/llamacpp/record.py, of the server itself with the model of tests/llamacpp/make_model.py."
    recorded = {"server": server, "recorded": how, "answers": record(address)}
    Path(file).write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
