"""A question over POST /invoke (JSON lines) or /chat (server-sent events)."""

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Protocol
from urllib.parse import urlsplit

from loadtest.playback import Arrival
from loadtest.turn import Asking, Turn, foreign
from viva.sse import SSEParser

PATHS = {"jsonl": "/invoke", "sse": "/chat"}
BOUNDARY = "a-boundary-that-no-recording-has-4f1c2d"


class Lines:
    """Takes a body of JSON lines apart."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that this chunk completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line.decode() for line in lines if line.strip()]


class Events:
    """Takes a body of server-sent events apart."""

    def __init__(self) -> None:
        self._parser = SSEParser()

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that this chunk completes."""
        return [event.data for event in self._parser.feed(chunk)]


class Answer(Protocol):
    """A response whose body is read as it comes."""

    status: int

    def header(self, name: str) -> str | None:
        """A header, None where there is none."""

    def chunks(self, timeout_s: Callable[[], float]) -> Iterator[bytes]:
        """The body; raises TimeoutError when nothing came for so many seconds, asked anew for each chunk."""


class Line(Protocol):
    """A connection to the server, which stays open from question to question."""

    def post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        """Raises OSError when there is no answer."""

    def close(self) -> None:
        """Hangs up; the next post opens it again."""


class HttpCaller:
    """Asks over HTTP; remembers its session from question to question."""

    def __init__(
        self,
        line: Line,
        transport: str,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._line = line
        self._transport = transport
        self._now = now
        self._sleep = sleep
        self.session_id: str | None = None

    def ask(self, asking: Asking) -> Turn:
        """One turn: the question is said, and then uploaded."""
        if asking.speech is not None:
            self._sleep(asking.speech.seconds)
        body, content_type = encoded(asking, self.session_id)
        turn = Turn(self._now(), audio_format=asking.audio_format)
        try:
            answer = self._line.post(PATHS[self._transport], body, content_type, asking.patience_s)
            if answer.status != 200:
                self._refused(answer, turn, asking.patience_s)
            else:
                self._listen(answer, turn, asking)
        except TimeoutError:
            turn.end("caller_gave_up", self._now())
        except (OSError, http.client.HTTPException):
            turn.end("connection", self._now())
        if turn.outcome not in ("done", "shed"):
            self._line.close()
        return turn

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        self._sleep(max(0.0, seconds))

    def lose(self) -> None:
        """The connection breaks; the next question makes another one, in the same session."""
        self._line.close()

    def close(self) -> None:
        """Hangs up."""
        self._line.close()

    def _refused(self, answer: Answer, turn: Turn, patience_s: float) -> None:
        came_s = self._now()
        body = b"".join(answer.chunks(lambda: patience_s))
        try:
            code = str(json.loads(body)["error"]["code"])
        except (ValueError, LookupError, TypeError):
            code = foreign(answer.status)
        turn.failed(answer.status, code, came_s, answer.header("Retry-After"))

    def _listen(self, answer: Answer, turn: Turn, asking: Asking) -> None:
        parser = Lines() if self._transport == "jsonl" else Events()
        interrupt_s: float | None = None

        def waits_s() -> float:
            return asking.patience_s if interrupt_s is None else max(0.001, interrupt_s - self._now())

        try:
            for chunk in answer.chunks(waits_s):
                now = self._now()
                for line in parser.feed(chunk):
                    self._take(json.loads(line), turn, now)
                if turn.arrivals and asking.interrupt_after_s is not None:
                    interrupt_s = turn.arrivals[0].at_s + asking.interrupt_after_s
                if turn.outcome == "unfinished" and interrupt_s is not None and now >= interrupt_s:
                    raise TimeoutError
        except TimeoutError:
            turn.end("caller_gave_up" if interrupt_s is None else "interrupted", self._now())
        if turn.outcome == "unfinished":
            turn.end("connection", self._now())

    def _take(self, event: dict, turn: Turn, now: float) -> None:
        match event["type"]:
            case "audio":
                turn.arrivals.append(Arrival(now, base64.b64decode(event["data"])))
            case "done":
                self.session_id = event["session_id"]
                turn.done(event, now)
            case "error":
                turn.failed(503 if event["retryable"] else 500, event["code"], now)


def encoded(asking: Asking, session_id: str | None) -> tuple[bytes, str]:
    """The body of the request, and its content type."""
    fields = {"lecture_id": asking.lecture_id, "audio_format": asking.audio_format}
    if session_id:
        fields["session_id"] = session_id
    if asking.speech is None:
        return json.dumps(fields | {"question": asking.text}).encode(), "application/json"
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = 'Content-Disposition: form-data; name="audio"; filename="question.wav"\r\nContent-Type: audio/wav'
    parts += [f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode(), asking.speech.wav, f"\r\n--{BOUNDARY}--\r\n".encode()]
    return b"".join(parts), f"multipart/form-data; boundary={BOUNDARY}"


class SocketLine:
    """A connection of the standard library, kept alive."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        cls = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._prefix = address.path.rstrip("/")
        self._connection = cls(address.hostname or "", address.port, timeout=10)

    def post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> "SocketAnswer":
        """Sends all of it, then waits for the head of the response. A connection that was closed is opened anew."""
        fresh = self._connection.sock is None
        try:
            return self._post(path, body, content_type, timeout_s)
        except (ConnectionError, http.client.HTTPException):
            self.close()
            if fresh:
                raise
            return self._post(path, body, content_type, timeout_s)

    def _post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> "SocketAnswer":
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)
        else:
            self._connection.timeout = timeout_s
        self._connection.request("POST", self._prefix + path, body, {"Content-Type": content_type})
        return SocketAnswer(self._connection.getresponse(), self._connection)

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()


class SocketAnswer:
    """A response on such a connection."""

    def __init__(self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> None:
        self._response = response
        self._connection = connection
        self.status = response.status

    def header(self, name: str) -> str | None:
        """A header, None where there is none."""
        return self._response.getheader(name)

    def chunks(self, timeout_s: Callable[[], float]) -> Iterator[bytes]:
        """The body as it comes."""
        while True:
            if self._connection.sock is not None:
                self._connection.sock.settimeout(timeout_s())
            chunk = self._response.read1(1 << 20)
            if not chunk:
                return
            yield chunk
