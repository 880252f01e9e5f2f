"""A player that makes no sound: when the answer was first heard, and where it stood still."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np

AUDIBLE = 10 ** (-45 / 20)
"""-45 dBFS: what is fainter is taken for silence."""
PCM_HZ = 24_000
SHORTEST_GAP_S = 0.001


@dataclass(frozen=True, slots=True)
class Arrival:
    """A piece of audio, playable by itself, and the moment at which all of it was there, in seconds."""

    at_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """What a listener heard; moments in seconds of the arrivals' clock."""

    first_audio_s: float | None
    first_audible_s: float | None
    ends_s: float | None
    gaps_s: tuple[float, ...]
    """How long the player had nothing to play, each time."""
    audio_s: float = 0.0
    """How much there was to hear."""


def play(arrivals: Sequence[Arrival], audio_format: str) -> Heard:
    """Plays the pieces in their order, each as soon as it is there and the one before has ended."""
    ends: float | None = None
    audible: float | None = None
    gaps: list[float] = []
    audio_s = 0.0
    for arrival in arrivals:
        samples, rate_hz = decode(arrival.data, audio_format)
        begins = arrival.at_s if ends is None else max(ends, arrival.at_s)
        if ends is not None and begins - ends >= SHORTEST_GAP_S:
            gaps.append(begins - ends)
        if audible is None and (quiet := silence_before(samples)) is not None:
            audible = begins + quiet / rate_hz
        seconds = len(samples) / rate_hz
        audio_s, ends = audio_s + seconds, begins + seconds
    return Heard(arrivals[0].at_s if arrivals else None, audible, ends, tuple(gaps), audio_s)


def decode(data: bytes, audio_format: str) -> tuple[np.ndarray, int]:
    """Mono samples from -1 to 1, and how many there are in a second."""
    if audio_format == "pcm":
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768, PCM_HZ
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=PCM_HZ)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    pieces = [frame.to_ndarray()[0] for frame in frames]
    return (np.concatenate(pieces) if pieces else np.zeros(0, np.float32)), PCM_HZ


def silence_before(samples: np.ndarray) -> int | None:
    """How many samples come before the first audible one; None when none is."""
    loud = np.abs(samples) > AUDIBLE
    first = int(loud.argmax()) if len(samples) else 0
    return first if len(samples) and loud[first] else None
