"""What every backend promises, shown for each of them.

The openai backend talks to a real server: this service itself with the fake backend.
"""

import pytest

from viva.passages import Passage, render_lecture
from viva_llm.backend_list import parse_backends
from viva_llm.chat import Chat, Message, Sampling
from viva_llm.engine import ENGINES, make_backends
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
async def backend(request, serve):
    """Each kind of backend, started."""
    entry = request.param
    if entry == "openai":
        entry = f"openai:{(await serve(backends='fake', **SETTINGS)).base_url}/v1|fake"
    (made,) = make_backends(parse_backends(entry), LLMSettings(**SETTINGS))
    await made.start()
    yield made
    await made.close()


async def deltas(backend, chat) -> list:
    """The whole answer."""
    return [delta async for delta in backend.stream(chat)]


def test_every_kind_is_tested_here():
    """A new kind of backend must pass this suite too."""
    assert set(ENGINES) == {"fake", "extractive", "openai"}


async def test_answer_is_texts_then_a_reason_then_a_usage(backend):
    """Texts come first, then exactly one finish reason, and the token counts last."""
    answer = await deltas(backend, asked())
    finished = [i for i, delta in enumerate(answer) if delta.finish_reason]
    assert len(finished) == 1
    assert answer[finished[0]].finish_reason == "stop"
    assert not any(delta.text for delta in answer[finished[0] + 1 :])
    assert answer[0].text
    assert answer[-1].usage.completion_tokens > 0


async def test_answer_cites_a_passage_by_number(backend):
    """The marks that the orchestrator turns into times are in the text."""
    assert "[1]" in "".join(delta.text for delta in await deltas(backend, asked()))


async def test_token_limit_is_kept(backend):
    """An answer that its limit cut says so by the reason `length`."""
    for limit in ({"max_tokens": 3}, {"max_completion_tokens": 3}):
        answer = await deltas(backend, asked(**limit))
        assert len("".join(delta.text for delta in answer).split()) == 3
        assert [delta.finish_reason for delta in answer if delta.finish_reason] == ["length"]


async def test_stop_sequence_ends_the_answer(backend):
    """The answer ends before the stop sequence, which is not part of it."""
    answer = await deltas(backend, asked(stop=("[1]",)))
    assert "[1]" not in "".join(delta.text for delta in answer)
    assert [delta.finish_reason for delta in answer if delta.finish_reason] == ["stop"]


async def test_closing_early_is_quiet(backend):
    """A reader may leave after any delta."""
    stream = backend.stream(asked())
    await anext(stream)
    await stream.aclose()
    assert await deltas(backend, asked())


async def test_probe_says_that_it_can_serve(backend):
    """A probe of a healthy backend returns."""
    assert await backend.probe() is None


async def test_backend_has_its_name_kind_and_model(backend):
    """What /status and the headers say of a backend is set from the start."""
    assert backend.name == backend.kind
    assert backend.model
    assert isinstance(backend.hears, bool)
