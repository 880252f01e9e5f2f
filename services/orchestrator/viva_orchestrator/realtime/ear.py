"""The stream to the asr stage: opened when there is audio, begun anew elsewhere when it breaks, closed when idle."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import structlog

from viva.errors import NotFound, Overloaded, StageUnavailable, VivaError
from viva.service.upstream import Upstream
from viva_orchestrator.realtime.kept_audio import KeptAudio

PATH = "/v1/audio/stream"

_FRAME = 4_800
"""Samples sent at once: what has to be caught up with after a break goes in pieces, too."""
_REST_S = 5.0
"""A stage that failed twice in a row is left alone for so long, and one without a stream for longer."""
_ABSENT_S = 60.0

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a stream is to begin: with which sample, and what it is told before."""

    sample: int
    start: Message


class Ear:
    """Sends what is added to `audio` and hands on what is heard, one message at a time.

    `begin` says how a stream is to begin; it is asked each time that one is opened. `heard` gets a message and the
    number of the sample from which its milliseconds count.
    """

    def __init__(
        self,
        asr: Upstream,
        audio: KeptAudio,
        *,
        begin: Callable[[], Beginning],
        heard: Callable[[Message, int], Awaitable[None]],
        idle_s: float,
    ) -> None:
        self._asr = asr
        self._audio = audio
        self._begin = begin
        self._heard = heard
        self._idle_s = idle_s
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._controls: deque[tuple[int, Message]] = deque()
        self._ended = 0  # utterances of this stream that were ended from here
        self._sent = self._origin = 0
        self._worked = False  # whether this stream has been heard from
        self._leaving = False
        self._rest_until = 0.0
        self.failure: VivaError | None = None
        """Why nothing is heard at the moment."""

    @property
    def open(self) -> bool:
        """Whether there is a stream, or one is being opened."""
        return self._task is not None and not self._task.done() and not self._task.cancelling()

    def listen(self) -> None:
        """There is more audio: send it, on a new stream if there is none."""
        self._more.set()
        if not self.open and asyncio.get_running_loop().time() >= self._rest_until:
            self._task = asyncio.create_task(self._run())

    def tell(self, message: Message, *, ends: bool = False) -> None:
        """Send a message behind the audio that is there. `ends`: what is heard until it arrives is not handed on."""
        if self.open:
            self._controls.append((self._audio.end, message))
            self._ended += ends
            self._more.set()

    def give_up(self) -> None:
        """The stage takes too little of what it is sent: leave it alone for a while."""
        self._rest(Overloaded("The asr stage does not keep up; try again in a moment.", code="asr_overloaded"))
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Leave, at once. May be called from within `heard`."""
        task, self._task = self._task, None
        if task is None:
            return
        if task is asyncio.current_task():
            self._leaving = True
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        """One stream after another until one ends by being idle, or two fail in a row."""
        failed_before = False
        while True:
            try:
                await self._one_stream()
                return
            except VivaError as error:
                failed_before = failed_before and not self._worked
                if failed_before or isinstance(error, NotFound | Overloaded):
                    self._rest(error)
                    return
                failed_before = True
                structlog.get_logger().info("listening again", code=error.code)
            except Exception:
                structlog.get_logger().exception("listening failed")
                self._rest(StageUnavailable("asr", "Listening failed on our side; the logs say why."))
                return

    def _forget(self, beginning: Beginning) -> None:
        """Nothing was sent of this stream yet."""
        self._controls.clear()
        self._ended = 0
        self._sent = self._origin = beginning.sample

    def _rest(self, error: VivaError) -> None:
        absent = isinstance(error, NotFound)
        if absent:
            error = StageUnavailable(
                "asr",
                "The asr stage cannot listen while somebody speaks: commit the audio yourself (turn_detection null).",
                code="turn_detection_unavailable",
            )
        if self.failure is None or self.failure.code != error.code:
            structlog.get_logger().warning("not listening", code=error.code, reason=error.message)
        self.failure = error
        self._rest_until = asyncio.get_running_loop().time() + (_ABSENT_S if absent else _REST_S)

    async def _one_stream(self) -> None:
        self._worked = self._leaving = False
        async with self._asr.websocket(PATH) as socket:
            beginning = self._begin()
            self._forget(beginning)
            await self._put(socket, beginning.start)
            sending = asyncio.create_task(self._send(socket))
            try:
                await self._receive(socket)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Send audio and messages in their order; close the socket when there is none for a while."""
        try:
            while True:
                async with asyncio.timeout(self._idle_s):
                    await self._more.wait()
                self._more.clear()
                while self._sent < self._audio.end or self._controls:
                    await self._send_next(socket)
        except TimeoutError:
            self._leaving = True
            await socket.close()
        except (aiohttp.ClientError, OSError):
            return  # `_receive` learns of it, too

    async def _send_next(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        until = self._controls[0][0] if self._controls else self._audio.end
        if self._sent < (first := min(until, self._audio.first)):
            # Taken or cleared before it was sent. Nothing that was heard before that is handed on any more.
            self._origin += first - self._sent
            self._sent = first
        elif self._sent < until:
            end = min(until, self._sent + _FRAME)
            await socket.send_bytes(self._audio.between(self._sent, end))
            self._sent = end
        else:
            await self._put(socket, self._controls.popleft()[1])

    async def _put(self, socket: aiohttp.ClientWebSocketResponse, message: Message) -> None:
        await socket.send_str(orjson.dumps(message).decode())

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Hand on what is heard until the stream ends for being idle. Raises VivaError when it breaks or fails."""
        while not self._leaving:
            frame = await socket.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                idle = frame.type is aiohttp.WSMsgType.CLOSE and frame.data == aiohttp.WSCloseCode.OK
                if idle or self._leaving:
                    return
                raise StageUnavailable("asr", "The asr stage broke off; try again.", code="asr_interrupted")
            message = _message(frame.data)
            if message.get("type") == "error":
                raise _failure(message)
            self._worked, self.failure = True, None
            if message.get("utterance", self._ended) >= self._ended:
                await self._hand_on(message)

    async def _hand_on(self, message: Message) -> None:
        try:
            await self._heard(message, self._origin)
        except VivaError as error:
            structlog.get_logger().warning("what was heard came to nothing", code=error.code, reason=error.message)


def _message(data: str) -> Message:
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        raise StageUnavailable("asr", "The asr stage sent something that is not JSON.")
    return message


def _failure(message: Message) -> VivaError:
    """What the stage says is wrong, in our own words: it may be another server."""
    if message.get("code") == "overloaded":
        return Overloaded(
            "The asr stage is at its capacity; try again in a moment.", code="asr_overloaded", retry_after_s=_REST_S
        )
    return StageUnavailable("asr", "The asr stage cannot listen at the moment; try again.")
