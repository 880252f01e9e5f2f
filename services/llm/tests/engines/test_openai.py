"""The openai engine by itself."""

import asyncio

import aiohttp
import pytest

from viva.errors import EngineUnavailable
from viva_llm.chat import Chat, Message, Sampling
from viva_llm.engines.openai import OpenAIEngine, _as_failure
from viva_llm.failure import Failure, Reason
from viva_llm.settings import LLMSettings
from viva_llm.upstream.errors import UpstreamError

from ..model_server import text_event

QUESTION = Chat((Message("user", "Why?"),))


@pytest.fixture
async def engine(model_server):
    """An engine of the model server."""
    made = OpenAIEngine("openai", model_server.url, LLMSettings())
    await made.start()
    yield made
    await made.close()


@pytest.mark.parametrize(("url", "key"), [("http://h/v1", "a\nb"), ("http://a..b/v1", "sesame")])
async def test_address_or_key_that_cannot_be_sent_stops_the_start(url, key):
    """With a sentence that does not tell the key, rather than at every question."""
    with pytest.raises(EngineUnavailable, match="The backend openai cannot be asked") as caught:
        await OpenAIEngine("openai", url, LLMSettings(api_key=key)).start()
    assert key not in str(caught.value)


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_server_without_metrics_has_no_load(engine, model_server, status):
    """Such a server need not be asked again at once."""
    model_server.metrics_status = status
    assert await engine.load() is None


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_trouble_is_not_taken_for_a_server_without_metrics(engine, model_server, status):
    """One that still loads, or a proxy in front of it, says so for a moment; its load is asked for again soon."""
    model_server.metrics_status = status
    with pytest.raises(Failure):
        await engine.load()


@pytest.mark.parametrize("end", ["clean", "cut"])
async def test_reason_of_an_empty_stream_is_asked_for(engine, model_server, end):
    """A server that gives it only to who asks for no stream is asked so, for one token at most; one that has none is
    at fault."""
    refusal = {"error": {"message": "too long", "code": "context_length_exceeded"}}
    model_server.it_sends(end=end)
    model_server.then(lambda: model_server.it_fails(400, refusal))
    with pytest.raises(Failure) as caught:
        await anext(engine.stream(Chat(QUESTION.messages, Sampling(max_completion_tokens=9)), "m"))
    assert caught.value.reason is Reason.CONTEXT_TOO_LONG
    assert model_server.connections == 2  # the first is one that such a server is about to close
    asked = [{name: request.get(name) for name in ("stream", "max_tokens")} for request in model_server.requests]
    assert asked == [{"stream": True, "max_tokens": None}, {"stream": False, "max_tokens": 1}]
    assert model_server.requests[0]["messages"] == model_server.requests[1]["messages"]
    model_server.it_sends(end=end)
    with pytest.raises(Failure) as caught:
        await anext(engine.stream(QUESTION, "m"))
    assert caught.value.reason is Reason.BAD_STREAM
    model_server.then(model_server.it_hangs_up)
    with pytest.raises(Failure) as caught:
        await anext(engine.stream(QUESTION, "m"))
    assert caught.value.reason is Reason.CONNECT


async def test_connection_is_kept_for_the_next_question(engine, model_server):
    """Answers one after another share a connection, whether or not the server sends [DONE]. The end of the body, which
    comes behind that, holds nobody up: the connection becomes free when it is there."""
    for done in (True, False, True):
        model_server.it_answers("ok", done=done)
        answer = [delta async for delta in engine.stream(QUESTION, "m")]
        assert [delta.text for delta in answer] == ["ok", ""]
        async with asyncio.timeout(30):
            while not engine.idle_connections:  # noqa: ASYNC110 - it is nobody's business but the connection's
                await asyncio.sleep(0)
    assert model_server.connections == 1


async def test_answer_ends_at_done_though_the_server_stays(engine, model_server):
    """A server that keeps its stream open behind [DONE] does not hold the answer back."""
    model_server.it_sends(text_event("x", "stop") + b"data: [DONE]\n\n", end="hang")
    assert len([delta async for delta in engine.stream(QUESTION, "m")]) == 1
    await asyncio.wait_for(model_server.client_left.wait(), 30)


async def test_closing_the_stream_closes_the_connection(engine, model_server):
    """The model server notices at once that nobody reads any more."""
    model_server.it_streams_forever()
    stream = engine.stream(QUESTION, "m")
    await anext(stream)
    await stream.aclose()
    await asyncio.wait_for(model_server.client_left.wait(), 30)


def all_errors(kind: type) -> list[type]:
    """A class and everything below it."""
    return [kind, *(below for child in kind.__subclasses__() for below in all_errors(child))]


def test_every_error_of_a_connection_has_a_meaning():
    """An error that aiohttp may add becomes a Failure too, with words of ours, and so does each of our own client."""
    for kind in all_errors(aiohttp.ClientError) + all_errors(UpstreamError):
        error = kind.__new__(kind, "it sent no HTTP")
        for doing in ("connect", "read"):
            failure = _as_failure(error, doing)
            assert isinstance(failure, Failure)
            assert failure.said
