"""Ollama, llama.cpp's server and llama-cpp-python's as backends: the router's side of a contract with each.

None of them runs here, and nothing here was recorded from one: llama-cpp-python comes as source only and would have to
be compiled. What they send is written by hand, in the form that their documentation and logs that others published
show; what they changed since is not noticed here.
"""

from dataclasses import dataclass

import orjson
import pytest

from .model_server import ModelServer, chat, sse

PATH = "/v1/chat/completions"
TEXT = "It is thin [1]."


@dataclass(frozen=True)
class Wire:
    """What one kind of server sends: its list of models, a stream, and its refusals with their status."""

    model: dict
    stream: tuple[bytes, ...]
    tokenize: tuple[int, object]
    too_long: tuple[int, object] | None
    unavailable: tuple[int, object]
    usage: dict | None


def events(*chunks: dict, head: dict, end: bytes = b"\n\n") -> tuple[bytes, ...]:
    """The events of a stream, each with the same head, then [DONE]."""
    sent = [orjson.dumps({**head, "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
    return tuple(b"data: " + data + end for data in (*sent, b"[DONE]"))


def choice(finish_reason: str | None = None, **delta: object) -> dict:
    """The one choice of a chunk."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


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
        unavailable=(404, {"error": {"message": "model 'm' not found", "type": "not_found_error", "code": None}}),
        usage=USAGE,
    ),
    "llama.cpp": Wire(
        model={"id": "tiny.gguf", "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131072}},
        stream=events(
            choice(role="assistant", content=None),
            choice(content="It is"),
            choice(content=" thin [1]."),
            choice("stop"),
            {"choices": [], "usage": USAGE, "timings": {"prompt_n": 26, "predicted_per_second": 31.5}},
            head={"id": "chatcmpl-Xb1", "created": 1735000000, "model": "tiny.gguf", "system_fingerprint": "b7000-a"},
        ),
        tokenize=(200, {"tokens": []}),
        too_long=(400, {"error": {"code": 400, "message": "the request exceeds the available context size, try "
        "increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 8192}}),
        unavailable=(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
        usage=USAGE,
    ),
    "llama-cpp-python": Wire(
        model={"id": "/models/tiny.gguf", "object": "model", "owned_by": "me", "permissions": []},
        stream=(
            b": ping - 2026-01-01 00:00:00+00:00\r\n\r\n",
            *events(
                choice(role="assistant"),
                choice(content="It is"),
                choice(content=" thin [1]."),
                choice("stop"),
                head={"id": "chatcmpl-1f", "created": 1735000000, "model": "/models/tiny.gguf"},
                end=b"\r\n\r\n",
            ),
        ),
        tokenize=(404, {"detail": "Not Found"}),
        too_long=(400, {"error": {"message": "This model's maximum context length is 512 tokens. However, your "
        "messages resulted in 9000 tokens.", "type": "invalid_request_error", "code": "context_length_exceeded"}}),
        unavailable=(500, {"error": {"message": "llama_decode returned -3", "type": "internal_server_error"}}),
        usage=None,
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
    assert "".join(choice["delta"].get("content", "") for choice in choices) == TEXT
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
    assert [chunk["usage"] for chunk in chunks if chunk.get("usage")] == ([wire.usage] if wire.usage else [])
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
    listed(model_server, SERVERS[name])
    model_server.it_fails(*SERVERS[name].too_long)
    client = await serve(backends=f"other=openai:{model_server.url}")
    response = await client.post(PATH, json=chat())
    assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")


@each_server
async def test_the_next_route_stands_in_for_it(serve, model_server, wire):
    """While it loads, lacks the model, or fails."""
    backends = listed(model_server, wire)
    model_server.it_fails(*wire.unavailable)
    client = await serve(backends=backends)
    assert (await client.post(PATH, json=chat())).headers["x-viva-degraded"] == "llm:extractive"
