"""pipecat's OpenAIRealtimeLLMService, unmodified, in a real Pipeline: in the current release and in 1.7."""

from collections.abc import Callable
from pathlib import Path

import pytest

from viva.client import Lecture, VivaClient
from viva.stack.stack import Stack

from .answers import FOLLOW_UP, LOUD, QUESTION, SLOW_WORDS, says_the_year, turns, understood, words
from .client_run import Fact, named, restart, running_client

Run = Callable[..., list[Fact]]


@pytest.fixture(params=["current", "earlier"])
def release(request: pytest.FixtureRequest) -> str:
    """Which environment: the current release, or 1.7."""
    return request.param


@pytest.fixture
def talk(tmp_path: Path, lecture: Lecture, release: str) -> Run:
    """Runs a scenario of the driver; the frames that left the service. The lecture is named in place of a model, since
    that is what the service lets one choose."""

    def run(url: str, scenario: str, /, **options: object) -> list[Fact]:
        options = {"url": realtime(url), "model": lecture.lecture_id} | options
        with running_client(release, "pipecat_service", scenario, tmp_path, **options) as client:
            return client.finish()

    return run


def realtime(url: str) -> str:
    return f"{url.replace('http', 'ws', 1)}/v1/realtime"


def in_session(url: str, session_id: str) -> str:
    """The address that names a session. The service writes "?model=" behind it: here into a parameter of no meaning."""
    return f"{realtime(url)}?session_id={session_id}&client="


def asked(*texts: str) -> list[dict]:
    """A conversation, the user's turn first."""
    return [{"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(texts)]


def frames(facts: list[Fact], kind: str) -> list[Fact]:
    return [fact for fact in named(facts, "frame") if fact["type"] == kind]


def text_of(frames: list[Fact]) -> str:
    return "".join(frame["text"] for frame in frames)


def require_spoken(facts: list[Fact], text: str) -> None:
    """There is as much sound as it takes to say that, and it is no silence."""
    sounds = frames(facts, "TTSAudioRawFrame")
    assert sum(frame["seconds"] for frame in sounds) > 0.15 * len(words(text))
    assert max(frame["peak"] for frame in sounds) > LOUD


def test_the_question_of_a_context_is_answered(talk, url):
    """Text and audio frames come out, and the context has the answer."""
    facts = talk(url, "typed", messages=asked(QUESTION))
    answer = text_of(frames(facts, "TTSTextFrame"))
    assert not frames(facts, "ErrorFrame")
    assert "kilby" in answer.lower()
    require_spoken(facts, answer)
    (context,) = named(facts, "context")
    assert [message["role"] for message in context["messages"]] == ["user", "assistant"]
    assert words(context["messages"][1]["content"]) == words(answer)


def test_a_conversation_that_was_held_before_goes_on(talk, url):
    """pipecat packs it into one message; its last question is answered, as what follows on the others."""
    facts = talk(url, "typed", messages=asked(QUESTION, "It was made by Jack Kilby.", FOLLOW_UP))
    assert not frames(facts, "ErrorFrame")
    assert says_the_year(text_of(frames(facts, "TTSTextFrame")))


@pytest.mark.parametrize("detection", [True, False], ids=["server", "manual"])
def test_a_spoken_question_is_heard_and_answered(talk, url, spoken, detection):
    """Frames of a microphone in, frames of the transcript, the answer and its sound out."""
    facts = talk(url, "spoken", recording=spoken.question, detection=detection)
    assert not frames(facts, "ErrorFrame")
    (heard,) = frames(facts, "TranscriptionFrame")
    assert understood(heard["text"], QUESTION)
    answer = text_of(frames(facts, "TTSTextFrame"))
    assert "kilby" in answer.lower()
    require_spoken(facts, answer)


def test_a_spoken_question_interrupts_the_answer(talk, slow_url, client, lecture, spoken):
    """Speech while it plays cuts the answer off, in the stored history too, and is answered itself."""
    session_id = client.open_session(lecture.lecture_id)
    address = in_session(slow_url, session_id)
    facts = talk(slow_url, "interrupted", url=address, messages=asked(QUESTION), recording=spoken.follow_up)
    assert not frames(facts, "ErrorFrame")
    assert frames(facts, "InterruptionFrame")
    earlier, later = turns(client, session_id)
    heard = words(earlier["answer"])
    assert 1 <= len(heard) < len(SLOW_WORDS)
    assert heard == SLOW_WORDS[: len(heard)]
    assert understood(later["question"], FOLLOW_UP)
    assert words(later["answer"]) == SLOW_WORDS


def test_a_conversation_outlives_a_restart_of_the_server(
    tmp_path: Path, stack: Stack, url: str, client: VivaClient, lecture: Lecture, spoken, release: str
):
    """After reset_conversation the session is the same, and a spoken question goes on with it."""
    session_id = client.open_session(lecture.lecture_id)
    options = {"url": in_session(url, session_id), "model": "any", "messages": asked(QUESTION)}
    with running_client(
        release, "pipecat_service", "reconnected", tmp_path, recording=spoken.follow_up, **options
    ) as driver:
        driver.until("ready")
        restart(stack)
        driver.go_on()
        driver.finish()
    first, second = turns(client, session_id)
    assert "kilby" in first["answer"].lower()
    assert understood(second["question"], FOLLOW_UP)
    assert says_the_year(second["answer"])
