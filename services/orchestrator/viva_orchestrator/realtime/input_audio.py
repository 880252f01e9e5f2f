"""What a client's microphone sends, as one kind of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from viva.audio.encode import Encoder
from viva.errors import InvalidRequest
from viva_orchestrator.realtime import g711

_PCM_RATES_HZ = (16_000, 24_000)
_HEARD_AT_HZ = 16_000
"""The rate of the recognisers, to which the telephone's is raised."""


@dataclass(frozen=True, slots=True)
class InputFormat:
    """How the client sends its audio, mono: `audio/pcm` is s16le, the others are G.711 and always at 8 kHz."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate_hz: int = 24_000


class InputAudio:
    """Turns audio as it was sent into s16le mono at `rate_hz`, 16 or 24 kHz; fed pieces of any length.

    Raises InvalidRequest for a format that is not taken.
    """

    def __init__(self, audio_format: InputFormat) -> None:
        self._odd = b""
        self._raised: Encoder | None = None
        self._law: g711.Law | None = None
        if audio_format.type == "audio/pcm":
            if audio_format.rate_hz not in _PCM_RATES_HZ:
                raise InvalidRequest("audio/pcm is taken at 24000 or 16000 Hz.", param="rate")
            self.rate_hz = audio_format.rate_hz
        elif audio_format.type in ("audio/pcmu", "audio/pcma"):
            self._law = audio_format.type
            self.rate_hz = _HEARD_AT_HZ
            self._raised = Encoder("pcm", g711.RATE_HZ, self.rate_hz)
        else:
            raise InvalidRequest("Audio is taken as audio/pcm, audio/pcmu or audio/pcma.", param="type")

    def feed(self, audio: bytes) -> bytes:
        """The samples that are whole; half a sample waits for its other half."""
        if self._law is not None:
            return self._raised.feed(g711.decode(audio, self._law))
        audio = self._odd + audio
        whole = len(audio) & ~1
        self._odd = audio[whole:]
        return audio[:whole]
