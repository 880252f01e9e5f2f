"""A caller over the Realtime WebSocket, on a wire that says what it is told, and a clock that moves when it waits."""

import base64

import pytest

from loadtest.realtime_caller import RealtimeCaller
from loadtest.realtime_wire import Closed, Refused
from loadtest.speech import Speech
from loadtest.turn import Asking

SPEECH = Speech("what is it", b"", bytes(2 * 24_000))
LOUD = base64.b64encode(b"\x00\x40" * 12_000).decode()


class Wire:
    """What the server will say: seconds after `since` was sent, an event."""

    def __init__(self, *script: tuple[str, float, dict]) -> None:
        self.now_s = 100.0
        self.sent: list[tuple[float, dict]] = []
        self.paths: list[str] = []
        self.script = list(script)
        self.coming: list[tuple[float, dict]] = []
        self.gone = ""

    def now(self) -> float:
        return self.now_s

    def connect(self, path: str) -> "Wire":
        self.paths.append(path)
        self.coming.append((self.now_s + 0.05, {"type": "session.created", "session": {"id": "ses_1"}}))
        self.coming.sort(key=lambda one: one[0])
        return self

    def send(self, event: dict) -> None:
        self.sent.append((self.now_s, event))
        if event["type"] == "session.update":
            self.coming.append((self.now_s + 0.05, {"type": "session.updated"}))
        while self.script and self.script[0][0] == event["type"]:
            _, wait_s, said = self.script.pop(0)
            self.coming.append((self.now_s + wait_s, said))
        self.coming.sort(key=lambda one: one[0])

    def receive(self, timeout_s: float) -> dict | None:
        if self.coming and self.coming[0][0] <= self.now_s + timeout_s:
            at, event = self.coming.pop(0)
            self.now_s = max(self.now_s, at)
            if event["type"] == "closed":
                raise Closed("1006")
            return event
        self.now_s += timeout_s
        return None

    def close(self) -> None:
        self.gone = "closed"

    def drop(self) -> None:
        self.gone = "dropped"

    def kinds(self) -> list[str]:
        return [event["type"] for _, event in self.sent]


def created(response: str = "resp_1") -> dict:
    return {"type": "response.created", "response": {"id": response}}


def delta(response: str = "resp_1") -> dict:
    return {"type": "response.output_audio.delta", "response_id": response, "delta": LOUD}


def done(status: str = "completed", response: str = "resp_1", **more) -> dict:
    return {"type": "response.done", "response": {"id": response, "status": status, **more}}


def caller(wire: Wire, **options) -> RealtimeCaller:
    return RealtimeCaller(wire.connect, "lec_1", now=wire.now, **options)


def asking(**changes) -> Asking:
    return Asking(**{"text": "what is it", "speech": SPEECH, "lecture_id": "lec_1"} | changes)


def test_a_question_is_sent_as_it_is_spoken_and_timed_from_its_end() -> None:
    """A tenth of a second each tenth of a second; the button is released with the last one."""
    receipt = {"viva": {"receipt": {"asr_ms": 9.0}, "degraded": None}}
    wire = Wire(
        ("response.create", 0.1, created()),
        ("response.create", 0.4, delta()),
        ("response.create", 0.9, done(**receipt)),
    )
    turn = caller(wire).ask(asking())
    appended = [at for at, event in wire.sent if event["type"] == "input_audio_buffer.append"]
    assert len(appended) == 10
    assert [later - appended[0] for later in appended] == pytest.approx([n / 10 for n in range(10)], abs=1e-6)
    assert wire.kinds()[-2:] == ["input_audio_buffer.commit", "response.create"]
    row = turn.figures()
    assert (row["outcome"], row["first_audible_ms"], row["ended_ms"]) == ("done", 400.0, 900.0)
    assert row["receipt"] == {"asr_ms": 9.0}
    assert wire.paths == ["/v1/realtime?lecture_id=lec_1"]


def test_where_turns_are_found_the_microphone_stays_open_until_one_is() -> None:
    """The silence is sent as well, and nobody asks for the answer; the time runs from the end of speech."""
    wire = Wire()
    wire.coming = [
        (101.55, {"type": "input_audio_buffer.speech_stopped"}),
        (101.56, created()),
        (101.9, delta()),
        (102.0, done()),
    ]
    turn = caller(wire, turn_detection="server_vad").ask(asking())
    assert "input_audio_buffer.commit" not in wire.kinds()
    assert 12 < wire.kinds().count("input_audio_buffer.append") < 17
    assert turn.figures()["first_audible_ms"] == pytest.approx(800, abs=10)


def test_the_button_cuts_an_answer_off() -> None:
    """So long after it was first heard; the answer to the next question is told from what is left of that one."""
    wire = Wire(
        ("response.create", 0.1, created()),
        ("response.create", 0.2, delta()),
        ("response.create", 9.0, done()),
        ("response.cancel", 0.05, delta()),
        ("response.cancel", 0.06, done("cancelled")),
        ("conversation.item.create", 0.1, delta()),
        ("conversation.item.create", 0.2, created("resp_2")),
        ("conversation.item.create", 0.5, delta("resp_2")),
        ("conversation.item.create", 0.6, done(response="resp_2")),
    )
    someone = caller(wire)
    first = someone.ask(asking(interrupt_after_s=2.0))
    assert (first.outcome, first.figures()["ended_ms"]) == ("interrupted", 2200.0)
    second = someone.ask(asking(speech=None))
    assert (second.outcome, second.figures()["first_audio_ms"]) == ("done", 500.0)


def test_a_lost_connection_is_made_again_in_the_same_session() -> None:
    """By its id, with the next question."""
    script = [(name, at, event) for name in ("response.create",) for at, event in ((0.1, created()), (0.2, done()))]
    wire = Wire(*script)
    someone = caller(wire)
    someone.ask(asking())
    someone.lose()
    assert wire.gone == "dropped"
    wire.script = [("response.create", 0.1, created("resp_2")), ("response.create", 0.2, done(response="resp_2"))]
    assert someone.ask(asking()).outcome == "done"
    assert wire.paths[-1] == "/v1/realtime?lecture_id=lec_1&session_id=ses_1"
    assert someone.resumed == 1


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([created(), done("failed", status_details={"error": {"code": "overloaded"}})], "shed"),
        ([created(), done("failed", status_details={"error": {"code": "llm_timeout"}})], "llm_timeout"),
        ([{"type": "conversation.item.input_audio_transcription.failed", "error": {"code": "overloaded"}}], "shed"),
        ([{"type": "error", "error": {"code": "invalid_event"}}], "invalid_event"),
        ([created(), {"type": "closed"}], "connection"),
        ([created()], "caller_gave_up"),
    ],
)
def test_how_it_ended_has_a_name(events: list[dict], outcome: str) -> None:
    """A refusal for lack of room is told from what went wrong."""
    wire = Wire(*(("response.create", 0.1, event) for event in events))
    assert caller(wire).ask(asking()).outcome == outcome


def test_a_connection_too_many_is_a_refusal() -> None:
    """With its status and the time to come back."""

    def connect(path: str) -> Wire:
        raise Refused(503, "overloaded", "2")

    turn = RealtimeCaller(connect, "lec_1").ask(asking(speech=None))
    assert (turn.outcome, turn.retry_after_s) == ("shed", 2.0)


def test_an_ingress_that_lets_no_connection_in_is_a_refusal_too() -> None:
    """Its 503 has no code of Viva's, but says when to come back."""

    def connect(path: str) -> Wire:
        raise Refused(503, "http_503", "2")

    assert RealtimeCaller(connect, "lec_1").ask(asking(speech=None)).outcome == "shed"


def test_whoever_thinks_reads_on() -> None:
    """Otherwise nobody would answer the server's pings."""
    wire = Wire(("response.create", 0.1, created()), ("response.create", 0.2, done()))
    someone = caller(wire)
    someone.ask(asking())
    wire.coming = [(wire.now_s + 1, {"type": "session.updated"}), (wire.now_s + 2, {"type": "closed"})]
    before = wire.now_s
    wire_gone_after = []
    someone._wire.drop = lambda: wire_gone_after.append(wire.now_s - before)
    try:
        someone.wait(2.0)
    finally:
        assert wire_gone_after == [2.0]
