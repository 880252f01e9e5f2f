"""A tone instead of a voice, at a set pace: for tests, and for measuring the machinery itself."""

import asyncio
import math
import struct
from collections.abc import AsyncGenerator

from viva_tts.bridge import Bridge
from viva_tts.engine import Pcm, Voice
from viva_tts.settings import TTSSettings

RATE_HZ = 24_000
_CHARACTERS_PER_S = 15.0
_BLOCK_S = 0.1
_AMPLITUDE = 8_000


class FakeEngine:
    """Beeps for as long as a person would speak the text."""

    name = "fake"

    def __init__(self, settings: TTSSettings, bridge: Bridge) -> None:
        self._first_byte_s = settings.fake_first_byte_ms / 1000
        self._speed = settings.fake_speed
        self._tones: dict[str, bytes] = {}
        self.model = "a tone, no speech"
        self.voices = [
            Voice("low", gender="male", description="fake: a tone of 220 Hz, no speech"),
            Voice("high", gender="female", description="fake: a tone of 440 Hz, no speech"),
        ]
        self.default_voice = settings.voice or "high"

    async def start(self) -> None:
        """Makes a block of each tone: whole periods, so that blocks join without a click."""
        self._tones = {"low": _tone(220.0), "high": _tone(440.0)}

    async def close(self) -> None:
        """Nothing is kept open."""

    async def synthesize(self, text: str, voice: str, speed: float, due: float = 0.0) -> AsyncGenerator[Pcm]:
        """Blocks of a tenth of a second, the first after the set latency, the others at the set pace; 0: one piece."""
        await asyncio.sleep(self._first_byte_s)
        blocks = max(1, round(len(text) / _CHARACTERS_PER_S / speed / _BLOCK_S))
        if not self._speed:
            yield Pcm(self._tones[voice] * blocks, RATE_HZ)
            return
        for number in range(blocks):
            if number:
                await asyncio.sleep(_BLOCK_S / self._speed)
            yield Pcm(self._tones[voice], RATE_HZ)


def _tone(frequency_hz: float) -> bytes:
    count = round(RATE_HZ * _BLOCK_S)
    step = 2 * math.pi * frequency_hz / RATE_HZ
    return struct.pack(f"<{count}h", *(round(_AMPLITUDE * math.sin(step * index)) for index in range(count)))
