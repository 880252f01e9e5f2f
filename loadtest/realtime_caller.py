"""Questions over the Realtime WebSocket: sent while they are spoken, interrupted, taken up again after a break."""

import base64
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlencode

from loadtest.playback import Arrival
from loadtest.realtime_wire import Event, Refused
from loadtest.speech import REALTIME_HZ, Speech
from loadtest.turn import Asking, Turn

SILENCE_AFTER_S = 5.0
"""A microphone that nobody speaks into is kept open for so long, until the turn is found to be over."""


class Wire(Protocol):
    """A connection; all of it raises OSError when it is gone."""

    def send(self, event: Event) -> None:
        """Sends an event."""

    def receive(self, timeout_s: float) -> Event | None:
        """The next one; None when none came in time."""

    def close(self) -> None:
        """Says goodbye."""

    def drop(self) -> None:
        """Is gone without a word."""


class RealtimeCaller:
    """One conversation. Connects with the first question, and again when the connection was lost."""

    def __init__(
        self,
        connect: Callable[[str], Wire],
        lecture_id: str,
        *,
        turn_detection: str = "none",
        frame_s: float = 0.1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`connect` is given the path and query, and opens a connection."""
        self._connect = connect
        self._lecture_id = lecture_id
        self._detects = turn_detection != "none"
        self._detection = {"type": turn_detection} if self._detects else None
        self._frame_s = frame_s
        self._now = now
        self._wire: Wire | None = None
        self._session_id: str | None = None
        self._response_id: str | None = None
        self.resumed = 0
        """How often the session was found again after a break."""

    def ask(self, asking: Asking) -> Turn:
        """One turn, the speaking of the question included."""
        turn = Turn(self._now(), audio_format="pcm")
        try:
            wire = self._opened(asking.patience_s)
            before = self._response_id
            if asking.speech is None:
                self._type(wire, asking.text)
            else:
                self._speak(wire, asking.speech)
            turn.asked_s = self._now()
            if asking.speech is not None and self._detects:
                self._fall_silent(wire, turn.asked_s)
            self._listen(wire, turn, asking, before)
        except Refused as error:
            turn.asked_s = min(turn.asked_s, self._now())
            turn.failed(error.status, error.code, self._now(), error.retry_after)
        except OSError:
            turn.end("connection", self._now())
        if turn.outcome in ("connection", "caller_gave_up"):
            self.lose()
        return turn

    def wait(self, seconds: float) -> None:
        """Lets time pass; what comes meanwhile is read, as a client does."""
        until = self._now() + seconds
        try:
            while (left := until - self._now()) > 0:
                if self._wire is None:
                    time.sleep(left)
                else:
                    self._note(self._wire.receive(left))
        except OSError:
            self.lose()
            self.wait(until - self._now())

    def lose(self) -> None:
        """The connection breaks without a word; the next question makes another one, in the same session."""
        if self._wire is not None:
            self._wire.drop()
        self._wire = None

    def close(self) -> None:
        """Says goodbye."""
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    def _opened(self, patience_s: float) -> Wire:
        if self._wire is not None:
            return self._wire
        known = self._session_id
        query = {"lecture_id": self._lecture_id} | ({"session_id": known} if known else {})
        self._wire = wire = self._connect(f"/v1/realtime?{urlencode(query)}")
        self._session_id = self._until(wire, "session.created", patience_s)["session"]["id"]
        self.resumed += known is not None and known == self._session_id
        audio = {"input": {"turn_detection": self._detection}}
        wire.send({"type": "session.update", "session": {"type": "realtime", "audio": audio}})
        self._until(wire, "session.updated", patience_s)
        return wire

    def _until(self, wire: Wire, kind: str, patience_s: float) -> Event:
        until = self._now() + patience_s
        while (left := until - self._now()) > 0:
            event = wire.receive(left)
            if event is not None and event["type"] == kind:
                return event
        raise TimeoutError(f"no {kind}")

    def _type(self, wire: Wire, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        wire.send({"type": "conversation.item.create", "item": item})
        wire.send({"type": "response.create"})

    def _speak(self, wire: Wire, speech: Speech) -> None:
        began = self._now()
        for spoken_s, piece in speech.frames(self._frame_s):
            while (left := began + spoken_s - self._now()) > 0:
                self._note(wire.receive(left))
            wire.send({"type": "input_audio_buffer.append", "audio": base64.b64encode(piece).decode()})
        if not self._detects:
            wire.send({"type": "input_audio_buffer.commit"})
            wire.send({"type": "response.create"})

    def _fall_silent(self, wire: Wire, since: float) -> None:
        """Keeps the microphone open until the end of the turn was noticed."""
        silence = base64.b64encode(bytes(round(self._frame_s * REALTIME_HZ) * 2)).decode()
        frames = 1
        while self._now() < since + SILENCE_AFTER_S:
            left = since + frames * self._frame_s - self._now()
            if left <= 0:
                wire.send({"type": "input_audio_buffer.append", "audio": silence})
                frames += 1
                continue
            event = wire.receive(left)
            self._note(event)
            if event is not None and event["type"] == "input_audio_buffer.speech_stopped":
                return

    def _note(self, event: Event | None) -> None:
        if event is not None and event["type"] == "response.created":
            self._response_id = event["response"]["id"]

    def _listen(self, wire: Wire, turn: Turn, asking: Asking, before: str | None) -> None:
        interrupt_s: float | None = None
        heard_s = self._now()
        while turn.outcome == "unfinished":
            until = heard_s + asking.patience_s if interrupt_s is None else interrupt_s
            event = wire.receive(max(0.0, until - self._now()))
            now = self._now()
            if event is None:
                if interrupt_s is None:
                    turn.end("caller_gave_up", now)
                else:
                    self._interrupt(wire, turn)
                return
            heard_s = now
            self._note(event)
            if self._response_id != before or event["type"] in ("error", _NOT_HEARD):
                self._take(event, turn, now)
            if turn.arrivals and asking.interrupt_after_s is not None:
                interrupt_s = turn.arrivals[0].at_s + asking.interrupt_after_s

    def _interrupt(self, wire: Wire, turn: Turn) -> None:
        """By the button; where turns are found, the next question interrupts by itself."""
        if not self._detects:
            wire.send({"type": "response.cancel"})
        turn.end("interrupted", self._now())

    def _take(self, event: Event, turn: Turn, now: float) -> None:
        kind = event["type"]
        if kind == "response.output_audio.delta" and event["response_id"] == self._response_id:
            turn.arrivals.append(Arrival(now, base64.b64decode(event["delta"])))
        elif kind == "response.done" and event["response"]["id"] == self._response_id:
            response = event["response"]
            match response["status"]:
                case "completed":
                    turn.done(response.get("viva") or {}, now)
                case "cancelled":
                    turn.end("interrupted", now)
                case _:
                    code = _code(response)
                    turn.failed(503 if "overloaded" in code else 500, code, now)
        elif kind in ("error", _NOT_HEARD):
            code = str(event["error"].get("code"))
            turn.failed(503 if "overloaded" in code else 400, code, now)


_NOT_HEARD = "conversation.item.input_audio_transcription.failed"


def _code(response: Event) -> str:
    error = (response.get("status_details") or {}).get("error") or {}
    return str(error.get("code") or "response_failed")
