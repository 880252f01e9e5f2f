"""A stage that is killed: its fallback, named, or one error; and everything as before once it is back."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from viva.client import VivaClient
from viva.errors import VivaError
from viva.events import Audio, Done, Error, Event
from viva.stack.stack import Stack

QUESTION = "Who made the first integrated circuit?"
PATIENCE_S = 60.0


@pytest.fixture
def without(stack: Stack) -> Callable:
    """Kills a part for the time of a block, and starts it again after."""

    @contextmanager
    def killed(name: str) -> Iterator[None]:
        part = stack[name]
        os.kill(part.pid, signal.SIGKILL)
        assert part.wait(PATIENCE_S)
        try:
            yield
        finally:
            stack.restart(part)
            deadline = time.monotonic() + PATIENCE_S
            while not part.check_ready():
                assert time.monotonic() < deadline, part.last_lines(5)
                time.sleep(0.05)

    return killed


def turn(client: VivaClient, lecture_id: str, question, session: str | None = None) -> list[Event]:
    """The turn's events; a turn refused at once counts as its error event."""
    try:
        return list(client.ask(session, lecture_id, question))
    except VivaError as error:
        return [Error(error.code, error.message, error.retryable)]


def test_without_ears_a_spoken_question_gets_one_error_and_a_typed_one_its_answer(without, client, lecture, spoken):
    """asr killed: asr_unavailable, retryable; typing still works, and so does speaking once asr is back."""
    with without("asr"):
        (error,) = turn(client, lecture.lecture_id, spoken.question)
        assert (error.type, error.code, error.retryable) == ("error", "asr_unavailable", True)
        assert isinstance(turn(client, lecture.lecture_id, QUESTION)[-1], Done)
    assert isinstance(turn(client, lecture.lecture_id, spoken.question)[-1], Done)


def test_without_a_voice_the_text_still_comes(without, client, lecture):
    """tts killed: the answer as text, `degraded` says so; spoken again once tts is back."""
    with without("tts"):
        events = turn(client, lecture.lecture_id, QUESTION)
        assert isinstance(events[-1], Done)
        assert events[-1].degraded == "tts:text_only"
        assert "kilby" in events[-1].answer.lower()
        assert not any(isinstance(event, Audio) for event in events)
    again = turn(client, lecture.lecture_id, QUESTION)
    assert again[-1].degraded is None
    assert any(isinstance(event, Audio) for event in again)


def test_without_a_model_the_turn_ends_in_one_error_and_nothing_is_stored(without, client, lecture):
    """llm killed: exactly one llm_unavailable, never a done; the history has nothing of it."""
    session = client.open_session(lecture.lecture_id)
    with without("llm"):
        events = turn(client, lecture.lecture_id, QUESTION, session)
        assert [event.code for event in events if isinstance(event, Error)] == ["llm_unavailable"]
        assert not any(isinstance(event, Done) for event in events)
        assert client.session(session).turns == ()
    assert isinstance(turn(client, lecture.lecture_id, QUESTION, session)[-1], Done)


def test_without_redis_the_answer_says_that_it_will_not_be_remembered(without, client, lecture):
    """Redis killed: answered with `history_saved` false; back again, what was acknowledged before is there."""
    session = client.open_session(lecture.lecture_id)
    before = turn(client, lecture.lecture_id, QUESTION, session)[-1]
    with without("redis"):
        done = turn(client, lecture.lecture_id, QUESTION, session)[-1]
        assert isinstance(done, Done), done
        assert done.history_saved is False
        with pytest.raises(VivaError):
            client.session(session)
    assert [kept["turn_id"] for kept in client.session(session).turns] == [before.turn_id]


def test_a_killed_orchestrator_comes_back_with_its_lectures_and_history(without, client, lecture):
    """The front door keeps no state of its own: lectures and sessions are there after it was killed."""
    session = client.open_session(lecture.lecture_id)
    done = turn(client, lecture.lecture_id, QUESTION, session)[-1]
    with without("orchestrator"), pytest.raises(VivaError, match=r"No Viva answers|broke"):
        client.status()
    assert client.lecture(lecture.lecture_id).segments == lecture.segments
    assert [kept["turn_id"] for kept in client.session(session).turns] == [done.turn_id]
