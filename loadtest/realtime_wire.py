"""A WebSocket of one greenlet or thread: JSON events out and in, with a time to wait. The protocol is `websockets`'."""

import json
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from loadtest.turn import foreign

Event = dict[str, Any]


class Refused(OSError):
    """The handshake was refused: a status, and the body's code."""

    def __init__(self, status: int, code: str, retry_after: str | None) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.retry_after = status, code, retry_after


class Closed(OSError):
    """The server has ended the connection."""


class RealtimeWire:
    """One connection. Pings are answered while `receive` waits, so it has to be called all the time."""

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        """`url` begins with http:// or https://. Raises Refused, or OSError when nobody can be reached."""
        address = urlsplit(url)
        secure = address.scheme == "https"
        port = address.port or (443 if secure else 80)
        self._socket = socket.create_connection((address.hostname or "", port), timeout_s)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure:
                context = ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=address.hostname)
            self._protocol = ClientProtocol(parse_uri(url.replace("http", "ws", 1)), max_size=None)
            self._events: deque[Event] = deque()
            self._partial = b""  # of a message that comes in several frames
            self._shake_hands(time.monotonic() + timeout_s)
        except BaseException:
            self._socket.close()
            raise

    def send(self, event: Event) -> None:
        """Sends one event. Raises OSError when the connection is gone."""
        if self._protocol.state is not State.OPEN:
            raise Closed("closed")
        self._protocol.send_text(json.dumps(event).encode())
        self._flush()

    def receive(self, timeout_s: float) -> Event | None:
        """The next event; None when none came within so many seconds. Raises Closed, or OSError."""
        until = time.monotonic() + timeout_s
        while not self._events:
            if self._protocol.state in (State.CLOSED, State.CLOSING):
                raise Closed(str(self._protocol.close_code))
            if not self._feed(max(0.0, until - time.monotonic())):
                return None
        return self._events.popleft()

    def close(self) -> None:
        """Says goodbye."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            with suppress(OSError):
                self._flush()
        self._socket.close()

    def drop(self) -> None:
        """Is gone without a word, as a phone in a tunnel."""
        self._socket.close()

    def _shake_hands(self, until: float) -> None:
        request = self._protocol.connect()
        self._protocol.send_request(request)
        self._flush()
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            if not self._feed(max(0.0, until - time.monotonic())):
                raise TimeoutError("no answer to the handshake")
        error = self._protocol.handshake_exc
        if isinstance(error, InvalidStatus):
            response = error.response
            code = _code(response.status_code, response.body)
            raise Refused(response.status_code, code, response.headers.get("Retry-After"))
        if error is not None:
            raise Closed(str(error))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)

    def _feed(self, timeout_s: float) -> bool:
        """Takes in what comes first; whether anything did."""
        self._socket.settimeout(max(timeout_s, 0.0005))
        try:
            data = self._socket.recv(1 << 16)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._take(event)
        self._socket.settimeout(10.0)
        self._flush()
        return True

    def _take(self, frame: Frame) -> None:
        self._partial += bytes(frame.data)
        if frame.fin:
            self._events.append(json.loads(self._partial))
            self._partial = b""


def _code(status: int, body: bytes | None) -> str:
    try:
        return str(json.loads(body or b"")["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return foreign(status)
