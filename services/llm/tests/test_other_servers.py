"""Ollama, llama.cpp's server and llama-cpp-python's as backends: the router's side of a contract with each.

The answers of the last two were recorded from the real servers (recorded/, whose files say how; `make test-llamacpp`
asks the servers themselves), except those of a server that loads or fails. Ollama's are written by hand, in the form
that its documentation and sources show: it does not run here, and what it changed since is not noticed.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
import pytest

from .model_server import ModelServer, chat, sse

PATH = "/v1/chat/completions"
RECORDED = Path(__file__).parent / "recorded"
TEXT = "It is thin [1]."
Refusal = tuple[int, object]


@dataclass(frozen=True)
class Wire:
    """What one kind of server sends: its list of models, a stream and its text, and its refusals with their status.

    `tells_no_stream`: a stream that it refuses is empty, and its reason is for who asks for none.
    """

    model: dict
    stream: tuple[bytes, ...]
    tokenize: Refusal
    too_long: Refusal | None
    unavailable: Refusal
    wrong: Refusal
    usage: dict | None = None
    text: str = TEXT
    wrong_code: str = "model_refused_request"
    context: int | None = None
    tells_no_stream: bool = False

    def refuses(self, server: ModelServer, refusal: Refusal) -> None:
        """What the server does with such a request."""
        server.it_fails(*refusal)
        if self.tells_no_stream:
            server.it_sends()
            server.then(partial(server.it_fails, *refusal))


def recorded(name: str, **more: object) -> Wire:
    """The wire of a server whose answers were recorded, and what could not be."""
    answers = json.loads((RECORDED / f"{name}.json").read_text())["answers"]

    def refusal(asked: str) -> Refusal:
        return answers[asked]["status"], json.loads(answers[asked]["body"])

    stream = answers["stream that a stop word ends"]["body"]
    chunks = [entry["choices"] for entry in sse(stream)[:-1]]
    return Wire(
        model=refusal("models")[1]["data"][0],
        stream=tuple(event.encode() + b"\n\n" for event in stream.split("\n\n") if event.strip()),
        text="".join(choices[0]["delta"].get("content") or "" for choices in chunks if choices),
        usage=next((entry["usage"] for entry in sse(stream)[:-1] if entry.get("usage")), None),
        tokenize=refusal("tokenize"),
        too_long=refusal("too long, no stream"),
        wrong=refusal("audio"),
        tells_no_stream=answers["too long"]["body"] == "",
        **more,
    )


def events(*chunks: dict, head: dict, end: bytes = b"\n\n") -> tuple[bytes, ...]:
    """The events of a stream, each with the same head, then [DONE]."""
    sent = [orjson.dumps({**head, "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
    return tuple(b"data: " + data + end for data in (*sent, b"[DONE]"))


def choice(finish_reason: str | None = None, **delta: object) -> dict:
    """The one choice of a chunk."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


NO_MORE = {"param": None, "code": None}
USAGE = {"prompt_tokens": 26, "completion_tokens": 5, "total_tokens": 31}
SERVERS = {
    "ollama": Wire(
        model={"id": "llama3.2:1b", "object": "model", "created": 1735000000, "owned_by": "library"},
        stream=events(
            choice(role="assistant", content="", reasoning="Okay"),
            choice(role="assistant", content="It is"),
            choice(role="assistant", content=" thin [1]."),
            choice("stop", role="assistant", content=""),
            {"choices": [], "usage": USAGE},
            head={"id": "chatcmpl-482", "created": 1735000000, "model": "m", "system_fingerprint": "fp_ollama"},
        ),
        tokenize=(404, "404 page not found"),
        too_long=None,  # it cuts what is too long, without a word
        unavailable=(404, {"error": {"message": "model 'm' not found", "type": "not_found_error", **NO_MORE}}),
        wrong=(400, {"error": {"message": "invalid message format", "type": "invalid_request_error", **NO_MORE}}),
        usage=USAGE,
    ),
    "llama.cpp": recorded(
        "llama.cpp",
        unavailable=(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
        wrong_code="audio_not_supported",
        context=2048,
    ),
    "llama-cpp-python": recorded(
        "llama-cpp-python",
        unavailable=(500, {"error": {"message": "llama_decode returned -3", "type": "internal_server_error"}}),
    ),
}
each_server = pytest.mark.parametrize("wire", SERVERS.values(), ids=SERVERS)


def listed(server: ModelServer, wire: Wire) -> str:
    """The setting for this server with the extractive answerer behind it; its model is learnt from its list."""
    server.models = [wire.model]
    return f"other=openai:{server.url}, extractive"


@each_server
async def test_its_stream_is_relayed_whole(serve, model_server, wire):
    """The text, one finish reason, the model that its list names, and the counts where it sends any."""
    backends = listed(model_server, wire)
    model_server.it_sends(*wire.stream)
    client = await serve(backends=backends)
    response = await client.post(PATH, json=chat(stream=True, stream_options={"include_usage": True}))
    assert response.headers["x-viva-backend"] == "other"
    *chunks, done = sse(response.text)
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    assert done == "[DONE]"
    assert "".join(choice["delta"].get("content", "") for choice in choices) == wire.text
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
    assert [chunk["usage"] for chunk in chunks if chunk.get("usage")] == ([wire.usage] if wire.usage else [])
    listing = {model["id"]: model["max_model_len"] for model in (await client.get("/v1/models")).json()["data"]}
    assert listing[wire.model["id"]] == wire.context
    assert {chunk["model"] for chunk in chunks} == {wire.model["id"]} == {model_server.requests[0]["model"]}


@each_server
async def test_what_it_lacks_is_no_fault(serve, model_server, wire):
    """It has neither vLLM's /tokenize nor its metrics, and serves all the same."""
    backends = listed(model_server, wire)
    model_server.it_fails(*wire.tokenize)
    client = await serve(backends=backends)
    response = await client.post("/tokenize", json=chat())
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_supported")
    (replica,) = (await client.get("/status")).json()["backends"][0]["replicas"]
    assert (replica["state"], replica["serving"], replica["running"]) == ("up", True, None)


@pytest.mark.parametrize("name", [name for name, wire in SERVERS.items() if wire.too_long])
async def test_its_word_for_too_long_is_understood(serve, model_server, name):
    """The client is told to shorten the messages when nobody else is there."""
    wire = SERVERS[name]
    listed(model_server, wire)
    client = await serve(backends=f"other=openai:{model_server.url}", eject_after=1)
    for _ in range(2):
        wire.refuses(model_server, wire.too_long)
        response = await client.post(PATH, json=chat())
        assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert (await client.get("/status")).json()["backends"][0]["replicas"][0]["state"] == "up"


@each_server
async def test_what_it_does_not_take_is_no_fault(serve, model_server, wire):
    """A request with audio is the client's to change; the server is asked again."""
    listed(model_server, wire)
    model_server.it_fails(*wire.wrong)
    client = await serve(backends=f"other=openai:{model_server.url}", eject_after=1)
    for _ in range(2):
        response = await client.post(PATH, json=chat())
        assert (response.status_code, response.json()["error"]["code"]) == (400, wire.wrong_code)
    assert (await client.get("/status")).json()["backends"][0]["replicas"][0]["state"] == "up"


@each_server
async def test_the_next_route_stands_in_for_it(serve, model_server, wire):
    """While it loads, lacks the model, or fails."""
    backends = listed(model_server, wire)
    model_server.it_fails(*wire.unavailable)
    client = await serve(backends=backends)
    assert (await client.post(PATH, json=chat())).headers["x-viva-degraded"] == "llm:extractive"
