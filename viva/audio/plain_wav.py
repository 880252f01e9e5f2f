"""A WAV of 16-bit PCM that is as plain as they come, read in the service's own process.

Everything else goes to FFmpeg, in a child with limits, because a decoder can be made to use memory and time, or to
misbehave, by what it is fed. Here nothing is decoded: the samples are a stretch of the bytes that are there already,
and the header is believed only where those bytes bear it out. What is unusual in any way is left to the child, which
also does all the refusing, so that a lie is told apart from a rarity in one place only.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from viva.audio.declared import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ
from viva.audio.info import AudioInfo

INTEGER_PCM = 1
BYTES_PER_SAMPLE = 2
MAX_CHUNKS = 8  # of a tag or two, before the samples
BLOCK_BYTES = 256 * 1024

_HEAD = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")


@dataclass(frozen=True, slots=True)
class PlainWav:
    """What it is, and its samples: s16le, the channels interleaved."""

    info: AudioInfo
    samples: memoryview

    def is_mono_at(self, sample_rate_hz: int) -> bool:
        """Whether the samples are wanted just as they are."""
        return (self.info.channels, self.info.sample_rate_hz) == (1, sample_rate_hz)

    def blocks(self) -> Iterator[bytes]:
        """The samples in order, in blocks of at most 256 KiB."""
        for at in range(0, len(self.samples), BLOCK_BYTES):
            yield bytes(self.samples[at : at + BLOCK_BYTES])


def plain_wav(data: bytes, max_duration_s: float) -> PlainWav | None:
    """The recording, or None unless it is a whole, plain WAV of at most so many seconds."""
    if len(data) < _HEAD.size:
        return None
    riff, size, wave = _HEAD.unpack_from(data)
    if riff != b"RIFF" or wave != b"WAVE" or size + 8 != len(data):
        return None
    chunks = _chunks(data)
    if chunks is None or len(chunks.get(b"fmt ", b"")) != _FORMAT.size:
        return None
    kind, channels, rate, _, frame_bytes, bits = _FORMAT.unpack(chunks[b"fmt "])
    samples = chunks[b"data"]
    if (kind, bits, frame_bytes) != (INTEGER_PCM, 8 * BYTES_PER_SAMPLE, BYTES_PER_SAMPLE * channels):
        return None
    if not (1 <= channels <= MAX_CHANNELS and MIN_SAMPLE_RATE_HZ <= rate <= MAX_SAMPLE_RATE_HZ):
        return None
    frames, rest = divmod(len(samples), frame_bytes)
    if rest or not 0 < frames <= max_duration_s * rate:
        return None
    return PlainWav(AudioInfo(round(frames / rate, 6), "wav", "pcm_s16le", rate, channels), samples)


def _chunks(data: bytes) -> dict[bytes, memoryview] | None:
    """The chunks up to the samples, each once and each held in full; None where they are not."""
    view, chunks, at = memoryview(data), {}, _HEAD.size
    while at + _CHUNK.size <= len(data) and len(chunks) < MAX_CHUNKS:
        name, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if name in chunks or at + size > len(data):
            return None
        chunks[name] = view[at : at + size]
        if name == b"data":
            return chunks
        at += size + size % 2
    return None
