"""One stream, from its first frame to its last."""

import asyncio
import contextlib

from starlette.websockets import WebSocket, WebSocketDisconnect

from viva.errors import InvalidRequest, TooLarge
from viva_asr.segmenter import Speech
from viva_asr.streaming import frames
from viva_asr.streaming.partials import Partials
from viva_asr.streaming.sound import Found
from viva_asr.streaming.streams import Streams
from viva_asr.streaming.turns import Started, Stopped

_MOST_BYTES = 1 << 20
"""Of one frame of audio: 20 s at 24 kHz."""
_SILENCE_TOLD_MS = 250
"""How often the client is told what it need not keep."""


class Stream:
    """Listens to one person. Frames are taken one at a time, so a client that sends too fast is held up by the
    connection itself, and nothing piles up here."""

    def __init__(self, socket: WebSocket, streams: Streams, start: frames.Start) -> None:
        self._socket = socket
        self._streams = streams
        self._sound = streams.sound(start)
        self._utterance = 0
        self._told_ms = 0
        self._partials: Partials | None = None
        if streams.partials:
            self._partials = Partials(
                streams.scheduler,
                streams.metrics,
                max_turn_s=streams.settings.max_turn_s,
                give=self._give,
                judge=self._sound.judge,
            )
        self._speaks(start.language)

    @property
    def heard_s(self) -> float:
        """Seconds of audio so far."""
        return self._sound.heard_s

    async def run(self) -> None:
        """Listen until the client leaves (returns) or is silent for too long (TimeoutError).

        Raises InvalidRequest for a frame that is wrong.
        """
        try:
            while True:
                async with asyncio.timeout(self._streams.settings.stream_idle_s):
                    message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if (audio := message.get("bytes")) is not None:
                    await self._listen(audio)
                else:
                    self._obey(frames.parse(message.get("text") or ""))
        except WebSocketDisconnect:
            return  # while something was being sent
        finally:
            if self._partials is not None:
                self._partials.end()

    async def _listen(self, audio: bytes) -> None:
        if len(audio) > _MOST_BYTES:
            raise TooLarge(f"A frame may have {_MOST_BYTES:,} bytes at most.")
        loop = asyncio.get_running_loop()
        for found in await loop.run_in_executor(self._streams.executor, self._sound.feed, audio):
            await self._tell(found)
        if (until_ms := self._sound.silent_until_ms) >= self._told_ms + _SILENCE_TOLD_MS:
            self._told_ms = until_ms
            await self._socket.send_text(frames.silence(until_ms, self._utterance))
        if self._partials is not None:
            self._partials.consider(self._sound)

    async def _tell(self, found: Found) -> None:
        match found:
            case Speech():
                if self._partials is not None:
                    self._partials.finish(found, self._sound.pad_s)
            case Started():
                await self._socket.send_text(frames.speech_started(found.start_ms, self._utterance))
            case Stopped():
                self._forget_words()
                await self._socket.send_text(frames.speech_stopped(found.end_ms, self._utterance))

    def _obey(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Commit() | frames.Clear():
                self._utterance += 1
                self._sound.forget()
                self._forget_words()
            case frames.Configure():
                self._sound.configure(frame.turn_detection)
                self._speaks(frame.language)
            case frames.Start():
                raise InvalidRequest("The stream has begun already; `configure` changes it.", param="type")

    def _speaks(self, language: str | None) -> None:
        # A language that the engine does not know is told to whoever wants the final text; here it only guesses.
        if self._partials is not None:
            self._partials.language = language if self._streams.knows(language) else None

    def _forget_words(self) -> None:
        if self._partials is not None:
            self._partials.end()

    async def _give(self, text: str) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # `run` learns of it by itself
            await self._socket.send_text(frames.partial(text, self._utterance))
