"""The client of Viva's public API, for the command line, the demo and scripts.

Every failure is a VivaError: what the server said about it, or that the server could not be reached.
"""

import mimetypes
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from viva import errors
from viva.events import AudioFormat, Event, decode
from viva.lecture import Lecture, lecture_of
from viva.replies import ServerUnreachable, lines_of, parsed, raise_for_ending, raise_for_error, require
from viva.sse import SSEParser

__all__ = ["DEFAULT_URL", "Lecture", "ServerUnreachable", "Session", "VivaClient"]

DEFAULT_URL = "http://127.0.0.1:8080"
_CONNECT_S = 5.0
_LONGEST_SILENCE_S = 120.0  # a turn's deadline on the server is a minute, and it ends every turn with an event
_RECONNECTS = 5
_RECONNECT_AFTER_S = 1.0  # five of them outlast a part that the launcher starts anew
_LECTURE = ("lecture_id", "status")  # what is always known of one


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation: its turns as the server keeps them, oldest first."""

    session_id: str
    turns: tuple[dict[str, Any], ...] = ()


class VivaClient:
    """Calls the public API of one server; a context manager, or closed by `close`."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        transport: httpx.BaseTransport | None = None,
        reconnect_after_s: float = _RECONNECT_AFTER_S,
    ) -> None:
        """Raises InvalidRequest when `url` is not an address. Nothing is sent yet."""
        self.url = url.rstrip("/")
        self._reconnect_after_s = reconnect_after_s
        timeout = httpx.Timeout(_LONGEST_SILENCE_S, connect=_CONNECT_S)
        # A proxy for the web must not get what is meant for this machine or this network.
        try:
            self._http = httpx.Client(base_url=self.url, timeout=timeout, transport=transport, trust_env=False)
        except (httpx.InvalidURL, ValueError) as error:
            raise _wrong_url() from error
        if self._http.base_url.scheme not in ("http", "https") or not self._http.base_url.host:
            raise _wrong_url()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def upload(self, path: Path, *, title: str | None = None, key: str | None = None) -> Lecture:
        """Sends a recording to be transcribed; returns before that is done.

        The same recording again with the same `key` is the same lecture.
        """
        about: dict[str, Any] = {"data": {"title": title}} if title else {}
        if key:
            about["headers"] = {"Idempotency-Key": key}
        with path.open("rb") as file:
            files = {"file": (path.name, file, _content_type(path))}
            body = self._call("POST", "/v1/lectures", *_LECTURE, files=files, **about)
        return lecture_of(body)

    def lecture(self, lecture_id: str) -> Lecture:
        """The lecture with what has been transcribed of it."""
        return lecture_of(self._call("GET", f"/v1/lectures/{_segment(lecture_id)}", *_LECTURE))

    def lectures(self, *, sha256: str | None = None) -> Iterator[Lecture]:
        """The lectures of the server, all or those made of one recording, newest first, without their segments."""
        query = {"limit": "100"} | ({"sha256": sha256} if sha256 else {})
        while True:
            page = self._call("GET", "/v1/lectures", "data", params=query)
            yield from map(lecture_of, page["data"])
            if not page["data"] or not page.get("has_more"):
                return
            query["after"] = page["data"][-1]["lecture_id"]

    def follow(self, lecture_id: str) -> Iterator[Lecture]:
        """The lecture each time its progress changes, until it is ready or has failed; the last one is complete.

        A connection that breaks is made again, a few times in a row. Raises NotFound when the lecture is deleted
        meanwhile.
        """
        last: Lecture | None = None
        failures = 0
        while True:
            try:
                for lecture in self._progress(lecture_id):
                    if lecture == last:  # a new connection begins with what the last one ended with
                        continue
                    last, failures = lecture, 0
                    yield lecture
                yield self.lecture(lecture_id)
                return
            except errors.VivaError as error:
                failures += 1
                if not error.retryable or failures > _RECONNECTS:
                    raise
            time.sleep(self._reconnect_after_s)

    def _progress(self, lecture_id: str) -> Iterator[Lecture]:
        """What one connection says of the lecture; ends when it is ready or has failed, and raises otherwise."""
        parser = SSEParser()
        with self._stream("GET", f"/v1/lectures/{_segment(lecture_id)}/events") as response:
            for chunk in response.iter_bytes():
                for event in parser.feed(chunk):
                    body = parsed(event.data, response)
                    raise_for_ending(event.event, body)
                    require(body, _LECTURE, response)
                    lecture = replace(lecture_of(body), segments=())
                    if lecture.status in ("ready", "failed"):
                        return
                    yield lecture
        raise ServerUnreachable("The server closed the connection before the lecture was transcribed.")

    def delete_lecture(self, lecture_id: str) -> None:
        """Deletes the recording and everything derived from it."""
        self._call("DELETE", f"/v1/lectures/{_segment(lecture_id)}")

    def open_session(self, lecture_id: str | None = None) -> str:
        """Opens a conversation and returns its id."""
        body = {"lecture_id": lecture_id} if lecture_id else {}
        return self._call("POST", "/v1/sessions", "session_id", json=body)["session_id"]

    def session(self, session_id: str) -> Session:
        """The conversation with its history."""
        body = self._call("GET", f"/v1/sessions/{_segment(session_id)}", "session_id", "turns")
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
            for line in lines_of(response):
                kind = parsed(line, response).get("type")
                yield line
                if kind in ("done", "error"):
                    return
        raise ServerUnreachable("The answer broke off: the server closed the connection before it was complete.")

    def _call(self, method: str, path: str, *needed: str, **body: Any) -> dict[str, Any]:
        """The object that is answered, which has the fields `needed`; an empty one for an empty answer."""
        try:
            response = self._http.request(method, path, **body)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        raise_for_error(response)
        answer = parsed(response.content, response) if response.content else {}
        return require(answer, needed, response)

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
            raise_for_error(self._response)
        return self._response

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            self._response.close()
        if isinstance(error, httpx.HTTPError):
            raise self._client._unreachable(error) from error


def _wrong_url() -> errors.InvalidRequest:
    # Not repeated: a password may stand in it.
    return errors.InvalidRequest(
        f"What --url or VIVA_URL says is not an address. One begins with http:// or https://, like {DEFAULT_URL}.",
        code="wrong_url",
    )


def _segment(identifier: str) -> str:
    """An id as one segment of a path, whatever was typed."""
    # A server takes %2F for the end of a segment; twice quoted it is an id that does not exist.
    return quote(identifier.replace("/", "%2F"), safe="") or "-"


def _content_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
