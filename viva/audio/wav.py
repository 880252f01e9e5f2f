"""RIFF WAVE headers for 16-bit mono PCM, whole or of unknown length."""

import struct

# What a header says where the length is not known when it is written; FFmpeg, browsers and sox read on to the end.
_UNKNOWN = 0xFFFFFFFF
_BYTES_PER_SAMPLE = 2


def wav_header(n_samples: int | None, rate_hz: int) -> bytes:
    """Return the 44-byte header of s16le mono at `rate_hz`; `n_samples` is None for a stream of unknown length."""
    data_bytes = _UNKNOWN if n_samples is None else n_samples * _BYTES_PER_SAMPLE
    riff_bytes = _UNKNOWN if n_samples is None else data_bytes + 36
    if riff_bytes > _UNKNOWN:
        raise ValueError(f"{n_samples} samples do not fit in a WAV file")
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        riff_bytes,
        b"WAVE",
        b"fmt ",
        16,  # bytes of this chunk
        1,  # integer PCM
        1,  # channels
        rate_hz,
        rate_hz * _BYTES_PER_SAMPLE,
        _BYTES_PER_SAMPLE,
        8 * _BYTES_PER_SAMPLE,
        b"data",
        data_bytes,
    )


def wav_bytes(pcm: bytes, rate_hz: int) -> bytes:
    """Return s16le mono `pcm` as a complete WAV file."""
    return wav_header(len(pcm) // _BYTES_PER_SAMPLE, rate_hz) + pcm
