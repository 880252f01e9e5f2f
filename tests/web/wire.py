"""The frames of the page's Realtime connections, as the page sent and got them."""

import base64
import json
from typing import Any

from playwright.sync_api import Page, WebSocket

Event = dict[str, Any]
HALF_SECOND = 24_000  # bytes of the longest delta: a shorter one ends a clause


class Wire:
    """Listens to a page's WebSockets from before it is opened."""

    def __init__(self, page: Page) -> None:
        self.sent: list[Event] = []
        self.got: list[Event] = []
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(json.loads(frame)))
        socket.on("framereceived", lambda frame: self.got.append(json.loads(frame)))

    def types(self) -> list[str]:
        """The types of what was sent, in order, runs of appended audio as one."""
        types = [event["type"] for event in self.sent]
        return [kind for at, kind in enumerate(types) if at == 0 or kind != types[at - 1]]

    def asked(self, kind: str) -> list[Event]:
        """What the page sent of a type."""
        return [event for event in self.sent if event["type"] == kind]

    def told(self, kind: str) -> list[Event]:
        """What the server sent of a type."""
        return [event for event in self.got if event["type"] == kind]

    def recorded_s(self) -> float:
        """Seconds of audio that the page sent."""
        return sum(len(base64.b64decode(event["audio"])) for event in self.asked("input_audio_buffer.append")) / 48_000

    def clauses(self) -> list[bytes]:
        """The audio that the server sent, clause by clause: 24 kHz, 16-bit, mono."""
        clauses, clause = [], b""
        for event in self.told("response.output_audio.delta"):
            piece = base64.b64decode(event["delta"])
            clause += piece
            if len(piece) < HALF_SECOND:
                clauses.append(clause)
                clause = b""
        return [*clauses, clause] if clause else clauses
