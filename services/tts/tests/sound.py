"""Measures the audio that comes out."""

import io
from dataclasses import dataclass

import av
import numpy as np


@dataclass(frozen=True)
class Heard:
    """Decoded audio: samples in -1..1."""

    samples: np.ndarray
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate_hz

    @property
    def rms(self) -> float:
        return float(np.sqrt(np.mean(self.samples**2)))


def hear(data: bytes) -> Heard:
    """Decodes a file of any format."""
    with av.open(io.BytesIO(data)) as container:
        rate_hz = container.streams.audio[0].rate
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
        frames = [out.to_ndarray().ravel() for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return Heard(np.concatenate(frames), rate_hz)


def hear_pcm(data: bytes, rate_hz: int) -> Heard:
    """Reads s16le mono."""
    return Heard(np.frombuffer(data, "<i2") / 32768, rate_hz)


def tone(seconds: float, rate_hz: int, frequency_hz: float = 440.0) -> bytes:
    """A sine at a quarter of full scale, s16le mono."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (np.sin(2 * np.pi * frequency_hz * times) * 8192).astype("<i2").tobytes()
