"""A spoken question: its sound, how it is paced while it is spoken, and how it is uploaded once it has been."""

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from viva.audio.encode import Encoder
from viva.audio.wav import wav_bytes

REALTIME_HZ = 24_000


@dataclass(frozen=True, slots=True)
class Speech:
    """A question: its words, its sound as a WAV to upload, and as 24 kHz 16-bit samples to send as it is spoken."""

    text: str
    wav: bytes
    pcm: bytes

    @property
    def seconds(self) -> float:
        """How long it takes to say it."""
        return len(self.pcm) / 2 / REALTIME_HZ

    def frames(self, frame_s: float) -> Iterator[tuple[float, bytes]]:
        """Pieces of the 24 kHz samples, and the second at which each has been spoken and can be sent."""
        size = round(frame_s * REALTIME_HZ) * 2
        for start in range(0, len(self.pcm), size):
            piece = self.pcm[start : start + size]
            yield (start + len(piece)) / 2 / REALTIME_HZ, piece


def read_speech(text: str, path: Path, until_s: float) -> Speech:
    """The recording of a question in a WAV file, which ends where the speech does, at `until_s`."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = file.readframes(min(file.getnframes(), round(until_s * rate)))
    encoder = Encoder("pcm", rate, REALTIME_HZ)
    return Speech(text, wav_bytes(samples, rate), encoder.feed(samples) + encoder.flush())
