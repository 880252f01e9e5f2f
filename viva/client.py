"""The client of Viva's public API, for the command line, the demo and scripts.

Every failure is a VivaError: what the server said about it, or that the server could not be reached.
"""

import json
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from viva import errors
from viva.events import AudioFormat, Event, decode
from viva.passages import Segment
from viva.sse import SSEParser

DEFAULT_URL = "http://127.0.0.1:8080"
_CONNECT_S = 5.0
_LONGEST_SILENCE_S = (
    120.0  # a turn's deadline on the server is a minute, and it ends every turn with an event
)

_BY_STATUS: dict[int, type[errors.VivaError]] = {
    400: errors.InvalidRequest,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    415: errors.UnsupportedMedia,
    422: errors.InvalidRequest,
    429: errors.RateLimited,
    503: errors.Overloaded,
    504: errors.DeadlineExceeded,
}


class ServerUnreachable(errors.VivaError):
    """Nobody answers at the address, or the connection broke."""

    status = 503
    default_code = "server_unreachable"
    retryable = True


@dataclass(frozen=True, slots=True)
class Lecture:
    """A lecture as the server describes it. Times in seconds of the recording; `progress` from 0 to 1."""

    lecture_id: str
    status: str
    progress: float = 0.0
    duration_s: float = 0.0
    title: str | None = None
    error: str | None = None
    segments: tuple[Segment, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether all of it has its transcript."""
        return self.status == "ready"


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation: its turns as the server keeps them, oldest first."""

    session_id: str
    turns: tuple[dict[str, Any], ...] = ()


class VivaClient:
    """Calls the public API of one server; a context manager, or closed by `close`."""

    def __init__(self, url: str = DEFAULT_URL, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        timeout = httpx.Timeout(_LONGEST_SILENCE_S, connect=_CONNECT_S)
        # A proxy for the web must not get what is meant for this machine or this network.
        self._http = httpx.Client(base_url=self.url, timeout=timeout, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def upload(self, path: Path, *, title: str | None = None) -> Lecture:
        """Sends a recording to be transcribed; returns before that is done."""
        with path.open("rb") as file:
            files = {"file": (path.name, file, _content_type(path))}
            body = self._call("POST", "/v1/lectures", files=files, data={"title": title} if title else {})
        return _lecture(body)

    def lecture(self, lecture_id: str) -> Lecture:
        """The lecture with what has been transcribed of it."""
        return _lecture(self._call("GET", f"/v1/lectures/{_segment(lecture_id)}"))

    def lectures(self) -> Iterator[Lecture]:
        """All lectures of the server, newest first, without their segments."""
        after: dict[str, str] = {}
        while True:
            page = self._call("GET", "/v1/lectures", params=after)
            yield from map(_lecture, page["data"])
            if not page["data"] or not page.get("has_more"):
                return
            after = {"after": page["data"][-1]["lecture_id"]}

    def follow(self, lecture_id: str) -> Iterator[Lecture]:
        """The lecture each time its progress changes, until it is ready or has failed; the last one is complete."""
        parser = SSEParser()
        with self._stream("GET", f"/v1/lectures/{_segment(lecture_id)}/events") as response:
            for chunk in response.iter_bytes():
                for event in parser.feed(chunk):
                    lecture = _lecture(json.loads(event.data))
                    if lecture.status in ("ready", "failed"):
                        yield self.lecture(lecture_id)
                        return
                    yield lecture
        yield self.lecture(lecture_id)

    def delete_lecture(self, lecture_id: str) -> None:
        """Deletes the recording and everything derived from it."""
        self._call("DELETE", f"/v1/lectures/{_segment(lecture_id)}")

    def open_session(self, lecture_id: str | None = None) -> str:
        """Opens a conversation and returns its id."""
        body = {"lecture_id": lecture_id} if lecture_id else {}
        return self._call("POST", "/v1/sessions", json=body)["session_id"]

    def session(self, session_id: str) -> Session:
        """The conversation with its history."""
        body = self._call("GET", f"/v1/sessions/{_segment(session_id)}")
        return Session(body["session_id"], tuple(body["turns"]))

    def forget_session(self, session_id: str) -> None:
        """Deletes the conversation."""
        self._call("DELETE", f"/v1/sessions/{_segment(session_id)}")

    def end_session(self, session_id: str) -> dict[str, Any]:
        """Archives the conversation; returns what the server says about the archive."""
        return self._call("POST", "/end_session", json={"session_id": session_id})

    def status(self) -> dict[str, Any]:
        """Engines, models and loads of every stage, as the server reports them."""
        return self._call("GET", "/status")

    def ask(
        self,
        session_id: str | None,
        lecture_id: str | None,
        question: str | Path,
        *,
        audio_format: AudioFormat | None = None,
    ) -> Iterator[Event]:
        """The events of one turn as they come; `question` is text, or the path of a recording.

        Without a session one is opened, which `done` names; without a lecture it is about the session's.
        Ends after `done` or `error`. Raises VivaError when the turn is refused before it begins, and
        ServerUnreachable when the stream ends without either.
        """
        for line in self.ask_raw(session_id, lecture_id, question, audio_format=audio_format):
            event = decode(line)
            if event is not None:
                yield event

    def ask_raw(
        self,
        session_id: str | None,
        lecture_id: str | None,
        question: str | Path,
        *,
        audio_format: AudioFormat | None = None,
    ) -> Iterator[str]:
        """As `ask`, the events being the JSON lines that the server sent."""
        given = {"session_id": session_id, "lecture_id": lecture_id, "audio_format": audio_format}
        about = {name: value for name, value in given.items() if value}
        if isinstance(question, Path):
            with question.open("rb") as file:
                audio = {"audio": (question.name, file, _content_type(question))}
                yield from self._turn(data=about, files=audio)
        else:
            yield from self._turn(json=about | {"question": question})

    def _turn(self, **body: Any) -> Iterator[str]:
        with self._stream("POST", "/invoke", **body) as response:
            for line in _lines(response):
                yield line
                if json.loads(line).get("type") in ("done", "error"):
                    return
        raise ServerUnreachable(
            "The answer broke off: the server closed the connection before it was complete."
        )

    def _call(self, method: str, path: str, **body: Any) -> Any:
        try:
            response = self._http.request(method, path, **body)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        _raise_for_error(response)
        return response.json() if response.content else {}

    def _stream(self, method: str, path: str, **body: Any) -> "_Streaming":
        return _Streaming(self, self._http.build_request(method, path, **body))

    def _unreachable(self, error: httpx.HTTPError) -> ServerUnreachable:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
            return ServerUnreachable(
                f"No Viva answers at {self.url}. Start one with `make run`, or say with VIVA_URL where it is."
            )
        if isinstance(error, httpx.TimeoutException):
            return ServerUnreachable(f"{self.url} did not answer in time. Try again; its logs may say why.")
        return ServerUnreachable(f"The connection to {self.url} broke. Is the server still running?")


class _Streaming:
    """One streamed response: an error status is raised before the first byte, a broken connection as ours."""

    def __init__(self, client: VivaClient, request: httpx.Request) -> None:
        self._client = client
        self._request = request
        self._response: httpx.Response | None = None

    def __enter__(self) -> httpx.Response:
        try:
            self._response = self._client._http.send(self._request, stream=True)
            if self._response.is_error:
                self._response.read()
        except httpx.HTTPError as error:
            raise self._client._unreachable(error) from error
        if self._response.is_error:
            self._response.close()
            _raise_for_error(self._response)
        return self._response

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            self._response.close()
        if isinstance(error, httpx.HTTPError):
            raise self._client._unreachable(error) from error


def _lines(response: httpx.Response) -> Iterator[str]:
    """The lines of a body. Only a line feed ends one: httpx's own iter_lines would also cut at U+2028 in a text."""
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines if line)


def _raise_for_error(response: httpx.Response) -> None:
    """Raises the server's error as the VivaError that it was there."""
    if not response.is_error:
        return
    cls = _BY_STATUS.get(response.status_code, errors.VivaError)
    try:
        body = response.json()["error"]
        message, code, param = str(body["message"]), body.get("code"), body.get("param")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise cls(
            f"{response.request.url.host} answered {response.status_code}, and not as Viva does. Is VIVA_URL right?",
            code="not_viva",
        ) from None
    if response.status_code >= 500 and body.get("request_id"):
        message += f" The server's logs have it as request {body['request_id']}."
    if cls is errors.Overloaded:
        raise cls(message, code=code)
    raise cls(message, code=code, param=param)


def _lecture(body: dict[str, Any]) -> Lecture:
    names = {field.name for field in fields(Lecture)}
    known = {name: value for name, value in body.items() if name in names and value is not None}
    known["segments"] = tuple(
        Segment(start=entry["start"], end=entry["end"], text=entry["text"])
        for entry in body.get("segments") or ()
    )
    return Lecture(**known)


def _segment(identifier: str) -> str:
    """An id as one segment of a path, whatever was typed."""
    return quote(identifier, safe="") or "-"


def _content_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
