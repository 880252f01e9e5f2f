"""A connection's ear: what was said so far, where turns begin and end, and the words as they are spoken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from viva.audio.wav import wav_bytes
from viva.service.upstream import Upstream
from viva_orchestrator.realtime.input_audio import InputAudio, InputFormat

__all__ = ["Heard", "InputFormat", "Listener", "Partial", "SpeechStarted", "SpeechStopped", "TurnDetection"]


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """When a turn begins and ends; None in its place is push-to-talk."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak: where, in ms of the audio appended since the connection began, padding included."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The turn is over; `take` now gives it. `end_ms` counts like `start_ms`."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class Partial:
    """All words of this utterance so far that will not be taken back: each begins with the one before."""

    text: str


Heard = SpeechStarted | SpeechStopped | Partial


class Listener:
    """One per connection."""

    def __init__(
        self, asr: Upstream, *, max_audio_s: float, hear: Callable[[Heard], Awaitable[None]]
    ) -> None:
        self._asr = asr
        self._max_audio_s = max_audio_s
        self._hear = hear
        self._audio = InputAudio(InputFormat())
        self._pcm = bytearray()

    async def configure(
        self, audio_format: InputFormat, detection: TurnDetection | None, *, language: str | None = None
    ) -> None:
        """Sets how audio comes and how turns are found. Raises InvalidRequest for a format that is not taken."""
        self._audio = InputAudio(audio_format)

    async def append(self, audio: bytes) -> None:
        """Takes audio as the client sent it."""
        self._pcm += self._audio.feed(audio)
        del self._pcm[: max(0, len(self._pcm) - 2 * round(self._max_audio_s * self._audio.rate_hz))]

    @property
    def buffered_ms(self) -> float:
        """How much audio `take` would give."""
        return len(self._pcm) / 2 / self._audio.rate_hz * 1000

    def take(self) -> bytes | None:
        """The utterance as a WAV (16-bit mono), None when there is nothing; the buffer is empty afterwards."""
        pcm, self._pcm = bytes(self._pcm), bytearray()
        return wav_bytes(pcm, self._audio.rate_hz) if pcm else None

    async def clear(self) -> None:
        """Forgets what was appended and not taken."""
        self._pcm.clear()

    async def close(self) -> None:
        """Leaves the asr stage."""
