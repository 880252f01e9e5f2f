"""What every engine promises, shown for each of them.

The openai engine talks to a real server: this service itself with the fake engine.
"""

import pytest

from viva.passages import Passage, render_lecture
from viva.service.engines import import_engine
from viva_llm.chat import Chat, Message, Sampling
from viva_llm.engine import ENGINES
from viva_llm.failure import Failure, Reason
from viva_llm.settings import LLMSettings

LECTURE = render_lecture(
    [
        Passage(1, 0, 9, "The first transistor was made of germanium."),
        Passage(2, 9, 17, "Silicon replaced it because it bears more heat."),
    ]
)
QUESTION = "What was the first transistor made of?"
SETTINGS = {"fake_first_token_ms": 0, "fake_tokens_per_s": 0}


def asked(**sampling) -> Chat:
    """A question about the lecture."""
    return Chat((Message("system", LECTURE), Message("user", QUESTION)), Sampling(**sampling))


@pytest.fixture(params=["fake", "extractive", "openai"])
async def engine(request, serve):
    """Each kind of engine, started."""
    kind, url = request.param, ""
    if kind == "openai":
        url = f"{(await serve(backends='fake', **SETTINGS)).base_url}/v1"
    made = import_engine(ENGINES, kind, stage="llm")(kind, url, LLMSettings(**SETTINGS))
    await made.start()
    yield made
    await made.close()


async def deltas(engine, chat) -> list:
    """The whole answer."""
    return [delta async for delta in engine.stream(chat, "fake")]


def test_every_kind_is_tested_here():
    """A new kind of engine must pass this suite too."""
    assert set(ENGINES) == {"fake", "extractive", "openai"}


async def test_answer_is_texts_then_a_reason_then_a_usage(engine):
    """Texts come first, then exactly one finish reason, and the token counts last."""
    answer = await deltas(engine, asked())
    finished = [i for i, delta in enumerate(answer) if delta.finish_reason]
    assert len(finished) == 1
    assert answer[finished[0]].finish_reason == "stop"
    assert not any(delta.text for delta in answer[finished[0] + 1 :])
    assert answer[0].text
    assert answer[-1].usage.completion_tokens > 0


async def test_answer_cites_a_passage_by_number(engine):
    """The marks that the orchestrator turns into times are in the text."""
    assert "[1]" in "".join(delta.text for delta in await deltas(engine, asked()))


async def test_token_limit_is_kept(engine):
    """An answer that its limit cut says so by the reason `length`."""
    for limit in ({"max_tokens": 3}, {"max_completion_tokens": 3}):
        answer = await deltas(engine, asked(**limit))
        assert len("".join(delta.text for delta in answer).split()) == 3
        assert [delta.finish_reason for delta in answer if delta.finish_reason] == ["length"]


async def test_stop_sequence_ends_the_answer(engine):
    """The answer ends before the stop sequence, which is not part of it."""
    answer = await deltas(engine, asked(stop=("[1]",)))
    assert "[1]" not in "".join(delta.text for delta in answer)
    assert [delta.finish_reason for delta in answer if delta.finish_reason] == ["stop"]


async def test_closing_early_is_quiet(engine):
    """A reader may leave after any delta."""
    stream = engine.stream(asked(), "fake")
    await anext(stream)
    await stream.aclose()
    assert await deltas(engine, asked())


async def test_probe_says_what_it_serves(engine):
    """A probe of a healthy engine returns the models that it has."""
    models = await engine.probe()
    assert models
    assert all(model.name for model in models)


async def test_load_is_told_or_not_known(engine):
    """An engine without vLLM's metrics says nothing of its load, and is not at fault for that."""
    assert await engine.load() is None


async def test_missing_endpoint_is_told_apart(engine):
    """A call to an endpoint that is not there fails for that reason."""
    with pytest.raises(Failure) as caught:
        await engine.call("nothing-here", {})
    assert caught.value.reason is Reason.NOT_SUPPORTED


async def test_engine_says_what_it_can(engine):
    """What the router must know before it asks is set from the start."""
    assert engine.kind in ENGINES
    assert isinstance(engine.hears, bool)
    assert isinstance(engine.completes, bool)
