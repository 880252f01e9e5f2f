"""Server-sent events, parsed from bytes as they come and written as bytes. No I/O.

Format: WHATWG HTML, section "Server-sent events".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SSEEvent:
    """One event: its data lines joined, its type ("message" unless named), its id if it had one."""

    data: str
    event: str = "message"
    id: str | None = None


class SSEParser:
    """Turns chunks of a response body into events. Chunks may end anywhere, also inside a character."""

    def __init__(self, *, max_event_bytes: int = 4 * 1024 * 1024) -> None:
        self._buffer = b""
        self._max_event_bytes = max_event_bytes
        self._clear()

    def _clear(self) -> None:
        self._data: list[str] = []
        self._event = "message"
        self._id: str | None = None

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """The events completed by this chunk. Raises ValueError when one outgrows `max_event_bytes`."""
        buffer = self._buffer + chunk
        # A CR at the very end may be half of a CRLF: keep it until the next chunk says.
        held = b"\r" if buffer.endswith(b"\r") else b""
        body = buffer[: len(buffer) - len(held)]
        if b"\r" in body:
            body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = body.split(b"\n")
        self._buffer = rest + held
        if len(self._buffer) > self._max_event_bytes:
            raise ValueError("server-sent event larger than the limit")
        return [event for line in lines if (event := self._line(line)) is not None]

    def flush(self) -> list[SSEEvent]:
        """Ends the stream. An event without its closing blank line is dropped, as the standard says."""
        self._buffer = b""
        self._clear()
        return []

    def _line(self, line: bytes) -> SSEEvent | None:
        if not line:
            event = SSEEvent("\n".join(self._data), self._event, self._id) if self._data else None
            self._clear()
            return event
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(text)
        elif name == b"event":
            self._event = text
        elif name == b"id":
            self._id = text
        return None


def encode(data: bytes, event: str | None = None) -> bytes:
    """One event as bytes. `data` is one line, as JSON is."""
    head = b"event: " + event.encode() + b"\n" if event else b""
    return head + b"data: " + data + b"\n\n"
