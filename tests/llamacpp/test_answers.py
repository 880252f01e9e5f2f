"""Answers of llama-cpp-python's server and of llama.cpp's through the router."""

import pytest

from .conftest import ALL, LLAMA_CPP, Router, events
from .server import CONTEXT, MODEL

pytestmark = pytest.mark.parametrize("name", ALL)


def test_its_model_is_learnt(router: Router, name: str):
    """The router lists what the server lists, and takes the server for one without metrics."""
    listed = [model["id"] for model in router.http.get("/v1/models").json()["data"]]
    assert {MODEL, name, f"{name}-or-quotes"} <= set(listed)
    replica = router.replica(name)
    assert (replica["serving"], replica["running"]) == (True, None)
    assert [model["id"] for model in replica["models"]] == [MODEL]


def test_a_stream_is_relayed_whole(router: Router, name: str):
    """Its text, one finish reason and the end; the whole answer to the same question has the same text."""
    *chunks, done = events(router.ask(name, max_tokens=30, stream=True).text)
    choices = [chunk["choices"][0] for chunk in chunks]
    text = "".join(choice["delta"].get("content", "") for choice in choices)
    assert done == "[DONE]"
    assert len(text) >= 20
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["length"]
    assert {chunk["model"] for chunk in chunks} == {MODEL}
    (whole,) = router.ask(name, max_tokens=30).json()["choices"]
    assert (whole["message"]["content"], whole["finish_reason"]) == (text, "length")


def test_a_stop_word_ends_an_answer(router: Router, name: str):
    """Sampling parameters reach the server: an answer ends where it is told to."""
    text = router.ask(name, max_tokens=30).json()["choices"][0]["message"]["content"]
    (choice,) = router.ask(name, max_tokens=30, stop=[text[10]]).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text[: text.index(text[10])], "stop")


def test_tokens_are_counted(router: Router, name: str):
    """By llama.cpp's server itself; llama-cpp-python's sends no counts with a stream, and those of the answer are then
    the router's own."""
    usage = router.ask(name, max_tokens=30).json()["usage"]
    assert 20 <= usage["completion_tokens"] <= 30
    assert (usage["prompt_tokens"] > 0) is (name == LLAMA_CPP)


def test_the_context_is_told_where_the_server_says_it(router: Router, name: str):
    """llama.cpp's server says in its list what one request may have."""
    told = router.http.get(f"/v1/models/{name}").json()["max_model_len"]
    assert told == (CONTEXT if name == LLAMA_CPP else None)


def test_a_bare_text_is_continued(router: Router, name: str):
    """/v1/completions, streamed and whole."""
    body = {"model": name, "prompt": "Once upon a time", "max_tokens": 12, "temperature": 0}
    whole = router.http.post("/v1/completions", json=body).json()["choices"][0]
    *chunks, done = events(router.http.post("/v1/completions", json={**body, "stream": True}).text)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == whole["text"] != ""
    assert (whole["finish_reason"], done) == ("length", "[DONE]")


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_that_is_too_long_is_told_as_that(router: Router, name: str, stream: bool):
    """The client is told to shorten it; with something behind the server, that answers; nobody is to blame."""
    response = router.ask(name, "word " * CONTEXT, stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")
    response = router.ask(f"{name}-or-quotes", "word " * CONTEXT, stream=stream)
    assert response.headers["x-viva-degraded"] == "llm:extractive"
    assert router.replica(name)["state"] == "up"


def test_what_it_does_not_take_is_no_failure(router: Router, name: str):
    """Audio is a request that is wrong for it, again and again, and it is still asked afterwards."""
    sound = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    for _ in range(4):
        response = router.ask(name, [sound, {"type": "text", "text": "What is said?"}])
        code = "audio_not_supported" if name == LLAMA_CPP else "model_refused_request"
        assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert router.replica(name)["state"] == "up"
    assert router.ask(name, max_tokens=4).status_code == 200


def test_what_it_lacks_is_said(router: Router, name: str):
    """vLLM's /tokenize, embeddings without a model for them, a name that nobody has."""
    for path, body in (
        ("/tokenize", {"messages": [{"role": "user", "content": "x"}]}),
        ("/v1/embeddings", {"input": "x"}),
    ):
        response = router.http.post(path, json={"model": name, **body})
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_supported"), path
    assert router.ask("another").json()["error"]["code"] == "model_not_found"
    assert router.replica(name)["state"] == "up"
