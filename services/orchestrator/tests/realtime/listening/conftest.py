"""A connection that hears, against an asr stage that does as told. Audio is at 16 kHz: 32 bytes are a millisecond."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from viva.service.upstream import Upstream, client_session
from viva_orchestrator.realtime.listening import (
    Heard,
    InputFormat,
    Listener,
    SpeechStopped,
    TurnDetection,
)

from ..ear_server import EarServer, ear_server

PCM_16K = InputFormat("audio/pcm", 16_000)


def audio(ms: int, first: int = 0) -> bytes:
    """So much audio whose samples count up from `first` milliseconds, so that one can tell where they come from."""
    return b"".join((at % 32_000).to_bytes(2, "little") for at in range(first * 16, (first + ms) * 16))


def samples(wav: bytes | None) -> bytes:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return file.readframes(file.getnframes())


class Listening:
    """A Listener, its asr stage, and what was heard."""

    def __init__(self, server: EarServer, listener: Callable[..., Listener]) -> None:
        self.server = server
        self.heard: list[Heard] = []
        self.taken: list[bytes | None] = []
        self.takes = True
        self.listener = listener(hear=self._hear)

    async def _hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        if isinstance(heard, SpeechStopped) and self.takes:
            self.taken.append(self.listener.take())

    async def begin(self, detection: TurnDetection | None, *appended: bytes) -> None:
        await self.listener.configure(PCM_16K, detection)
        for piece in appended:
            await self.listener.append(piece)


@pytest.fixture
async def server() -> AsyncIterator[EarServer]:
    async with ear_server() as running:
        yield running


@pytest.fixture
async def make(server: EarServer) -> AsyncIterator[Callable[..., Listening]]:
    """Makes a Listening; keyword arguments go to its Listener."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(client_session())

        def made(**options: object) -> Listening:
            upstream = Upstream("asr", server.url, session, first_byte_s=5)
            listening = Listening(server, lambda hear: Listener(upstream, **{"max_audio_s": 60, **options}, hear=hear))
            stack.push_async_callback(listening.listener.close)
            return listening

        yield made


@pytest.fixture
def listening(make: Callable[..., Listening]) -> Listening:
    return make()
