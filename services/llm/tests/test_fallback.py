"""Which backend answers when backends fail."""

import asyncio

import pytest

from .model_server import HOLD, chat, event, sse, text_event

PATH = "/v1/chat/completions"
CONTEXT_TOO_LONG = {"error": {"message": "too long", "type": "x", "code": "context_length_exceeded"}}


def backends(*servers, then: str = "") -> str:
    """A list of these servers, called a, b..."""
    names = "abc"
    entries = [f"{names[i]}=openai:{server.url}|model-{names[i]}" for i, server in enumerate(servers)]
    return ",".join([*entries, then])


async def test_first_backend_answers_when_it_can(serve, model_server, second_server):
    """The first of the list answers, and nothing is called degraded."""
    model_server.it_answers("first")
    client = await serve(backends=backends(model_server, second_server))
    response = await client.post(PATH, json=chat())
    assert response.json()["choices"][0]["message"]["content"] == "first"
    assert response.json()["model"] == "model-a"
    assert response.headers["x-viva-backend"] == "a"
    assert "x-viva-degraded" not in response.headers
    assert second_server.requests == []


FAILURES = {
    "500": lambda server: server.it_fails(500),
    "503": lambda server: server.it_fails(503),
    "429": lambda server: server.it_fails(429),
    "401": lambda server: server.it_fails(401),
    "404": lambda server: server.it_fails(404),
    "400": lambda server: server.it_fails(400, {"error": {"message": "Unsupported parameter", "code": "bad"}}),
    "413": lambda server: server.it_fails(413),
    "422": lambda server: server.it_fails(422),
    "redirect": lambda server: server.it_fails(307, headers="Location: http://127.0.0.1:1/\r\n"),
    "context too long": lambda server: server.it_fails(400, CONTEXT_TOO_LONG),
    "hangs": lambda server: server.it_hangs(),
    "hangs behind its headers": lambda server: server.it_sends(end="hang"),
    "hangs behind its role": lambda server: server.it_sends(text_event(""), end="hang"),
    "hangs up": lambda server: server.it_hangs_up(),
    "ends before a token": lambda server: server.it_sends(b"data: [DONE]\n\n"),
    "ends with an empty body": lambda server: server.it_sends(),
    "finishes without a word": lambda server: server.it_answers(),
    "cut before a token": lambda server: server.it_sends(text_event(""), end="cut"),
    "error event": lambda server: server.it_sends(event(error={"message": "m"}), b"data: [DONE]\n\n"),
    "not JSON": lambda server: server.it_sends(b"data: {oops\n\n"),
    "no chunks": lambda server: server.it_sends(b'data: ["x"]\n\n'),
    "wrong content type": lambda server: server.it_sends(text_event("hi"), content_type="text/html"),
    "whole answer": lambda server: server.it_fails(200, {"choices": [{"message": {"content": "hi"}}]}),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_next_backend_answers_when_one_fails_before_its_first_token(serve, model_server, second_server, name):
    """Whatever goes wrong before the first token, the next of the list answers and the response says so."""
    FAILURES[name](model_server)
    second_server.it_answers("sec", "ond")
    # Only those that hang reach their deadline, which the second backend must be able to meet on a busy machine.
    deadline_s = 1.0 if name.startswith("hangs") else 60
    client = await serve(backends=backends(model_server, second_server), first_token_timeout_s=deadline_s)
    response = await client.post(PATH, json=chat(stream=True))
    assert response.status_code == 200
    texts = [e["choices"][0]["delta"].get("content", "") for e in sse(response.text)[:-1]]
    assert "".join(texts) == "second"
    assert response.headers["x-viva-backend"] == "b"
    assert response.headers["x-viva-degraded"] == "llm:b"
    assert len(model_server.requests) >= 1


async def test_next_backend_answers_when_one_is_down(serve, model_server):
    """A refused connection goes on to the extractive answerer, which needs no server."""
    await model_server.stop()
    client = await serve(backends=backends(model_server, then="extractive"))
    response = await client.post(PATH, json=chat())
    assert response.status_code == 200
    assert response.headers["x-viva-degraded"] == "llm:extractive"
    await model_server.start()


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_client_fault_is_the_error_when_every_backend_calls_it_one(serve, model_server, second_server, status):
    """A request that every model server calls invalid is answered 400, in our words."""
    for server in (model_server, second_server):
        server.it_fails(status, {"error": {"message": "their words", "code": "bad"}})
    client = await serve(backends=backends(model_server, second_server))
    response = await client.post(PATH, json=chat())
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "model_refused_request"
    assert "their words" not in response.text
    assert len(second_server.requests) == 1


@pytest.mark.parametrize(
    ("break_it", "status", "code"),
    [
        (lambda server: server.it_fails(500), 503, "llm_unavailable"),
        (lambda server: server.it_hangs(), 504, "deadline_exceeded"),
        (lambda server: server.it_fails(429, headers="Retry-After: 7\r\n"), 429, "rate_limited"),
        (lambda server: server.it_fails(400, CONTEXT_TOO_LONG), 400, "context_length_exceeded"),
    ],
)
async def test_last_failure_becomes_an_error(serve, model_server, break_it, status, code):
    """When no backend is left, the client gets one error that fits what happened, before any byte of a stream."""
    break_it(model_server)
    client = await serve(backends=backends(model_server), first_token_timeout_s=0.2 if status == 504 else 20)
    response = await client.post(PATH, json=chat(stream=True))
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    if status == 429:
        assert response.headers["retry-after"] == "7"


async def events_released(client, server) -> list:
    """The events of a stream whose server goes on only when the client has seen the first token."""
    lines = []
    async with client.stream("POST", PATH, json=chat(stream=True)) as response:
        async for line in response.aiter_lines():
            lines.append(line)
            if "half" in line:
                server.released.set()
    return sse("\n".join(lines))


@pytest.mark.parametrize(
    ("rest", "end"),
    [
        ([], "cut"),
        ([], "clean"),
        ([b"data: [DONE]\n\n"], "clean"),
        ([text_event("", "abort"), b"data: [DONE]\n\n"], "clean"),
        ([event(error={"message": "out of memory", "code": 500}), b"data: [DONE]\n\n"], "clean"),
        ([b"data: {oops\n\n"], "clean"),
    ],
    ids=["cut", "clean end", "done without a reason", "aborted", "error event", "not JSON"],
)
async def test_failure_midway_is_an_error_event(serve, model_server, second_server, rest, end):
    """After the first token no other backend takes over: the stream ends in an error and has no finish mark."""
    model_server.it_sends(text_event("half an "), HOLD, *rest, end=end)
    client = await serve(backends=backends(model_server, second_server))
    events = await events_released(client, model_server)
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert (events[-1]["error"]["code"], events[-1]["error"]["retryable"]) == ("llm_unavailable", True)
    assert all(e["choices"][0]["finish_reason"] is None for e in events[:-1])
    assert second_server.requests == []


@pytest.mark.parametrize("rest", [[], [b"data: [DONE]\n\n"]], ids=["clean end", "done without a reason"])
async def test_whole_answer_without_its_finish_mark_is_an_error(serve, model_server, rest):
    """Half an answer is never given out as a whole one."""
    model_server.it_sends(text_event("half"), *rest)
    client = await serve(backends=backends(model_server))
    response = await client.post(PATH, json=chat())
    assert (response.status_code, response.json()["error"]["code"]) == (503, "llm_unavailable")


async def test_backend_that_breaks_off_again_and_again_is_not_asked(serve, model_server, second_server):
    """First tokens alone do not keep a server in use that ends no answer."""
    model_server.it_sends(text_event("half"), end="cut")
    second_server.it_answers("ok")
    client = await serve(backends=backends(model_server, second_server), eject_after=2, rest_s=60)
    assert [(await client.post(PATH, json=chat())).status_code for _ in range(4)] == [503, 503, 200, 200]
    assert len(model_server.requests) == 2


async def test_stall_midway_is_a_timeout(serve, model_server):
    """A stream that stops in the middle is cut off after the deadline between tokens."""
    model_server.it_sends(text_event("half"), end="hang")
    client = await serve(backends=backends(model_server), chunk_timeout_s=0.2)
    events = sse((await client.post(PATH, json=chat(stream=True))).text)
    assert events[-1]["error"]["code"] == "deadline_exceeded"
    await asyncio.wait_for(model_server.client_left.wait(), 30)


async def test_comments_do_not_count_as_tokens(serve, model_server):
    """A server that keeps its connection alive without ever saying anything still meets the deadline."""
    model_server.it_sends(text_event("half"), *[b": ping\n\n"] * 200, gap_s=0.02, end="hang")
    client = await serve(backends=backends(model_server), chunk_timeout_s=0.3)
    events = sse((await client.post(PATH, json=chat(stream=True))).text)
    assert events[-1]["error"]["code"] == "deadline_exceeded"


async def test_slow_tokens_are_no_failure(serve, model_server):
    """The deadline is between two tokens, not for the whole answer."""
    model_server.it_answers(*"abcdefgh", gap_s=0.25)
    client = await serve(backends=backends(model_server), chunk_timeout_s=1.5, first_token_timeout_s=1.5)
    response = await client.post(PATH, json=chat())
    assert response.json()["choices"][0]["message"]["content"] == "abcdefgh"


async def test_backend_that_timed_out_rests(serve, model_server, second_server):
    """A hung backend costs one question its deadline, not every question."""
    model_server.it_hangs()
    second_server.it_answers("ok")
    client = await serve(backends=backends(model_server, second_server), first_token_timeout_s=1, rest_s=60)
    for _ in range(3):
        assert (await client.post(PATH, json=chat())).headers["x-viva-degraded"] == "llm:b"
    assert len(model_server.requests) == 1


async def test_resting_backend_is_asked_when_nothing_else_answers(serve, model_server, second_server):
    """A rest moves a backend to the end of the list, not out of it."""
    model_server.it_hangs()
    second_server.it_answers("ok")
    client = await serve(backends=backends(model_server, second_server), first_token_timeout_s=1, rest_s=60)
    await client.post(PATH, json=chat())
    model_server.it_answers("back")
    second_server.it_fails(500)
    response = await client.post(PATH, json=chat())
    assert response.json()["choices"][0]["message"]["content"] == "back"


async def test_named_model_is_not_replaced(serve, model_server):
    """Who asks for one model by name gets that model or an error, not another one's answer."""
    model_server.it_fails(500)
    client = await serve(backends=backends(model_server, then="extractive"))
    assert (await client.post(PATH, json=chat(model="model-a"))).status_code == 503
    assert (await client.post(PATH, json=chat(model="extractive"))).headers["x-viva-backend"] == "extractive"


async def test_stale_connection_is_no_failure(serve, model_server):
    """A kept connection that the server has just closed is replaced by a new one, once."""
    client = await serve(backends=backends(model_server))
    model_server.it_answers("before", done=False)  # without [DONE] the answer ends when the connection is free again
    assert (await client.post(PATH, json=chat())).status_code == 200
    model_server.it_hangs_up(times=1)
    response = await client.post(PATH, json=chat())
    assert response.json()["choices"][0]["message"]["content"] == "ok"


async def test_audio_goes_past_backends_that_cannot_hear(serve, model_server):
    """The extractive answerer is not asked about audio; alone, it is an error of the request."""
    audio = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    body = {"messages": [{"role": "user", "content": [audio, {"type": "text", "text": "What is said?"}]}]}
    model_server.it_answers("heard")
    client = await serve(backends=f"extractive, b=openai:{model_server.url}|m")
    response = await client.post(PATH, json=body)
    assert response.json()["choices"][0]["message"]["content"] == "heard"
    assert model_server.requests[0]["messages"] == body["messages"]
    alone = await serve(backends="extractive")
    assert (await alone.post(PATH, json=body)).json()["error"]["code"] == "audio_not_supported"
