"""A caller over HTTP, on a connection that says what it is told, and a clock that moves when somebody waits."""

import base64
import json
from datetime import UTC, datetime

import pytest

from loadtest.http_caller import HttpCaller, encoded
from loadtest.speech import Speech
from loadtest.turn import Asking, seconds_until
from viva import sse

SPEECH = Speech("what is it", b"RIFFwav", bytes(2 * 24_000))
AUDIO = {"type": "audio", "data": base64.b64encode(b"\x00\x40" * 24_000).decode()}
DONE = {
    "type": "done",
    "session_id": "ses_1",
    "degraded": "llm:extractive",
    "receipt": {"asr_ms": 5.0},
    "usage": {"completion_tokens": 7},
}


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Answer:
    """A response that comes piece by piece: seconds to wait, then bytes; None at its end waits for ever."""

    def __init__(self, clock: Clock, pieces: list, status: int = 200, headers: dict | None = None) -> None:
        self.status = status
        self._clock, self._pieces, self._headers = clock, pieces, headers or {}

    def header(self, name: str) -> str | None:
        return self._headers.get(name)

    def chunks(self, timeout_s):
        for wait_s, data in self._pieces:
            patience_s = timeout_s()
            self._clock.sleep(min(wait_s, patience_s))
            if wait_s > patience_s:
                raise TimeoutError
            yield data


class Line:
    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.posted: list[tuple[str, bytes, str]] = []
        self.closed = 0

    def post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        self.posted.append((path, body, content_type))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed += 1


def lines(*events: dict) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def asking(**changes) -> Asking:
    return Asking(**{"text": "what is it", "speech": SPEECH, "lecture_id": "lec_1"} | changes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def caller(clock: Clock, line: Line, transport: str = "jsonl") -> HttpCaller:
    return HttpCaller(line, transport, now=clock.now, sleep=clock.sleep)


@pytest.mark.parametrize("transport", ["jsonl", "sse"])
def test_the_time_runs_from_the_end_of_speech(clock: Clock, transport: str) -> None:
    """A question is said first, in real time; what is cut anywhere on its way is put together again."""
    body = lines(AUDIO, DONE)
    if transport == "sse":
        body = b"".join(sse.encode(json.dumps(event).encode(), event["type"]) for event in (AUDIO, DONE))
    line = Line(Answer(clock, [(0.3, body[:50]), (0.2, body[50:-10]), (0.1, body[-10:])]))
    turn = caller(clock, line, transport).ask(asking())
    assert turn.asked_s == 101.0
    row = turn.figures()
    assert (row["outcome"], row["first_audio_ms"], row["ended_ms"]) == ("done", 500.0, 600.0)
    assert (row["degraded"], row["receipt"], row["tokens"]) == ("llm:extractive", {"asr_ms": 5.0}, 7)
    assert line.posted[0][0] == {"jsonl": "/invoke", "sse": "/chat"}[transport]


def test_the_next_question_is_of_the_same_session(clock: Clock) -> None:
    """And on the same connection."""
    line = Line(Answer(clock, [(0.1, lines(DONE))]), Answer(clock, [(0.1, lines(DONE))]))
    someone = caller(clock, line)
    someone.ask(asking(speech=None))
    someone.ask(asking(speech=None))
    assert "session_id" not in json.loads(line.posted[0][1])
    assert json.loads(line.posted[1][1])["session_id"] == "ses_1"
    assert line.closed == 0


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [(503, "overloaded", "shed"), (503, "asr_overloaded", "shed"), (503, "llm_unavailable", "llm_unavailable")],
)
def test_a_refusal_for_lack_of_room_is_no_failure(clock: Clock, status: int, code: str, outcome: str) -> None:
    """It is counted as such, with the time after which to come back; anything else that is refused is a failure."""
    body = json.dumps({"error": {"code": code}}).encode()
    row = caller(clock, Line(Answer(clock, [(0.0, body)], status, {"Retry-After": "3"}))).ask(asking()).figures()
    assert (row["outcome"], row["code"], row["retry_after_s"]) == (outcome, code, 3.0)


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (503, {"Retry-After": "2"}, "shed"),
        (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, "shed"),
        (503, {"Retry-After": "soon"}, "http_503"),
        (503, {}, "http_503"),
        (502, {"Retry-After": "2"}, "http_502"),
    ],
)
def test_an_ingress_that_refuses_is_no_failure_either(clock: Clock, status: int, headers: dict, outcome: str) -> None:
    """Its page is none of Viva's; with 503 it says when to come back. Without that it is out of order."""
    answer = Answer(clock, [(0.0, b"<html>503 Service Temporarily Unavailable</html>")], status, headers)
    row = caller(clock, Line(answer)).ask(asking()).figures()
    assert (row["outcome"], row["code"]) == (outcome, f"http_{status}")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sat, 31 Jan 2026 12:00:30 GMT", 30.0),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0.0),
        ("Sat Jan 31 12:00:05 2026", 5.0),
        ("-3", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(given: str | None, seconds: float | None) -> None:
    """A date in the past is now; anything else says nothing."""
    assert seconds_until(given, lambda: datetime(2026, 1, 31, 12, tzinfo=UTC)) == seconds


def test_an_interruption_cuts_the_answer_off_so_long_after_it_was_first_heard(clock: Clock) -> None:
    """The connection is given up, which is how a client over HTTP stops an answer."""
    line = Line(Answer(clock, [(0.5, lines(AUDIO)), (60.0, lines(DONE))]))
    turn = caller(clock, line).ask(asking(interrupt_after_s=2.0))
    assert turn.outcome == "interrupted"
    assert turn.figures()["ended_ms"] == 2500.0
    assert line.closed == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (ConnectionResetError(), "connection"),
        ([(0.1, lines(AUDIO))], "connection"),
        ([(0.1, lines(AUDIO)), (99.0, b"")], "caller_gave_up"),
        ([(0.1, lines({"type": "error", "code": "llm_interrupted", "retryable": True}))], "llm_interrupted"),
    ],
    ids=["refused", "broken off", "silent", "an error event"],
)
def test_what_does_not_end_well_has_a_name(clock: Clock, answer, outcome: str) -> None:
    """And its connection is not used again."""
    line = Line(answer if isinstance(answer, Exception) else Answer(clock, answer))
    assert caller(clock, line).ask(asking()).outcome == outcome
    assert line.closed == 1


def test_a_spoken_question_is_a_form_with_a_file() -> None:
    """As browsers send it."""
    body, kind = encoded(asking(), "ses_1")
    assert kind.startswith("multipart/form-data; boundary=")
    assert b'name="session_id"\r\n\r\nses_1\r\n' in body
    assert b'name="audio"; filename="question.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFFwav\r\n' in body
