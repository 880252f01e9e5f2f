"""People who ask one of the compared systems: the question spoken in real time, the answer taken as it comes.

Each caller has a conversation open. `ask` gives the seconds from the end of the question to the first audio, and
interrupts what is still being said of the answer before; `listen` waits for the answer's end.
"""

import asyncio
import base64
import time
from abc import ABC, abstractmethod
from typing import Self

import aiohttp
import orjson

from benchmarks.side_by_side.pipecat_frames import audio_frame, is_audio, message_frame
from viva.audio.wav import wav_bytes

FRAME_S = 0.02
PATIENCE_S = 60.0
_OVER_S = 1.5
"""pipecat plays its answers in real time or faster: after so long a silence one is over."""


class NotAnswered(Exception):
    """What the system said instead, or that it said nothing."""


class Caller(ABC):
    """One conversation, used as a context manager. `pcm` is the question, s16le mono."""

    def __init__(self, session: aiohttp.ClientSession, address: str, pcm: bytes, rate_hz: int) -> None:
        self._session, self._address = session, address
        self._pcm, self._rate_hz = pcm, rate_hz

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    @abstractmethod
    async def ask(self) -> float:
        """Speak the question; the seconds from its end to the first audio. Raises NotAnswered."""

    @abstractmethod
    async def listen(self) -> None:
        """Wait until the answer has been sent. Raises NotAnswered."""

    async def _speak(self) -> None:
        size, began = 2 * round(self._rate_hz * FRAME_S), time.monotonic()
        for number, start in enumerate(range(0, len(self._pcm), size), 1):
            await self._say(self._pcm[start : start + size])
            await asyncio.sleep(max(0.0, began + number * FRAME_S - time.monotonic()))

    @abstractmethod
    async def _say(self, pcm: bytes) -> None:
        """A piece of the question."""


class SocketCaller(Caller):
    """A conversation over a WebSocket, which is read all the time."""

    async def __aenter__(self) -> Self:
        self._socket = await self._session.ws_connect(self._address, max_msg_size=0)
        self._came: asyncio.Queue[tuple[float, str | bytes | None]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._socket.close()
        await self._reading

    async def _read(self) -> None:
        async for message in self._socket:
            self._came.put_nowait((time.monotonic(), message.data))
        self._came.put_nowait((time.monotonic(), None))

    async def _next(self, within_s: float = PATIENCE_S) -> tuple[float, str | bytes]:
        """What came next, and when. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            at_s, data = await self._came.get()
        if data is None:
            raise NotAnswered("the connection was closed")
        return at_s, data


class VivaCaller(SocketCaller):
    """Speaks to Viva's Realtime WebSocket."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._answering = False
        audio = {"format": {"type": "audio/pcm", "rate": self._rate_hz}, "turn_detection": None}
        await self._send("session.update", session={"type": "realtime", "audio": {"input": audio}})
        await self._until("session.updated")
        return self

    async def ask(self) -> float:
        if self._answering:
            await self._send("response.cancel")
            await self._until("response.done")
        await self._speak()
        ended = time.monotonic()
        await self._send("input_audio_buffer.commit")
        await self._send("response.create")
        self._answering = True
        first, _ = await self._until("response.output_audio.delta")
        return first - ended

    async def listen(self) -> None:
        _, event = await self._until("response.done")
        self._answering = False
        if event["response"]["status"] != "completed":
            raise NotAnswered(str(event["response"]["status_details"]))

    async def _say(self, pcm: bytes) -> None:
        await self._send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def _send(self, kind: str, **fields: object) -> None:
        await self._socket.send_str(orjson.dumps({"type": kind, **fields}).decode())

    async def _until(self, kind: str) -> tuple[float, dict]:
        while True:
            at_s, data = await self._next()
            event = orjson.loads(data)
            if event["type"] == kind:
                return at_s, event
            if event["type"] in ("error", "response.done"):
                raise NotAnswered(str(data)[:500])


class PipecatCaller(SocketCaller):
    """Speaks to pipecat_bot.py."""

    async def ask(self) -> float:
        await self._socket.send_bytes(message_frame({"type": "started"}))
        await self._speak()
        while not self._came.empty():  # the rest of the answer that was interrupted
            self._came.get_nowait()
        ended = time.monotonic()
        await self._socket.send_bytes(message_frame({"type": "stopped"}))
        return await self._audio(PATIENCE_S) - ended

    async def listen(self) -> None:
        try:
            while True:
                await self._audio(_OVER_S)
        except TimeoutError:
            return

    async def _say(self, pcm: bytes) -> None:
        await self._socket.send_bytes(audio_frame(pcm, self._rate_hz))

    async def _audio(self, within_s: float) -> float:
        """When the next piece of sound came. Raises TimeoutError."""
        while True:
            at_s, data = await self._next(within_s)
            if isinstance(data, bytes) and is_audio(data):
                return at_s


class SequenceCaller(Caller):
    """Speaks to in_sequence.py, which takes the question as a whole."""

    _response: aiohttp.ClientResponse | None = None

    async def __aexit__(self, *_error: object) -> None:
        if self._response is not None:
            self._response.close()

    async def ask(self) -> float:
        if self._response is not None:
            self._response.close()
        await self._speak()
        ended = time.monotonic()
        self._response = await self._session.post(self._address, data=wav_bytes(self._pcm, self._rate_hz))
        if self._response.status != 200:
            raise NotAnswered(await self._response.text())
        await self._response.content.readany()
        return time.monotonic() - ended

    async def listen(self) -> None:
        await self._response.read()

    async def _say(self, pcm: bytes) -> None:
        """It is sent once it is whole."""
