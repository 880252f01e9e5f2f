"""G.711, the telephone's 8 bits per sample at 8 kHz: µ-law (audio/pcmu) and A-law (audio/pcma)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from viva.audio.encode import Encoder

if TYPE_CHECKING:
    from viva_orchestrator.realtime.input_audio import InputFormat

Law = Literal["audio/pcmu", "audio/pcma"]

RATE_HZ = 8000
_SPOKEN_AT_HZ = 24_000
_MU_BIAS = 132
_ALL = np.arange(256, dtype=np.uint8)


def decode(data: bytes, law: Law) -> bytes:
    """The s16le samples that these bytes stand for, one each."""
    return _decoding(law)[np.frombuffer(data, np.uint8)].tobytes()


def encode(pcm: bytes, law: Law) -> bytes:
    """One byte for each s16le sample: the code whose value is the nearest."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int32) + 32768
    return _encoding(law)[samples].tobytes()


def encode_output(pcm_24k: bytes, audio_format: InputFormat) -> bytes:
    """s16le at 24 kHz in the client's format; audio/pcm is left as it is.

    Whole clauses should be given, and cut into deltas afterwards: each piece is filtered for itself, as if silence
    came before and after it.
    """
    if audio_format.type == "audio/pcm":
        return pcm_24k
    to_8k = Encoder("pcm", _SPOKEN_AT_HZ, RATE_HZ)
    return encode(to_8k.feed(pcm_24k) + to_8k.flush(), audio_format.type)


@cache
def _decoding(law: Law) -> np.ndarray:
    """The sample of each of the 256 codes."""
    if law == "audio/pcmu":
        code = ~_ALL  # sent inverted
        exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
        magnitude = ((mantissa * 8 + _MU_BIAS) << exponent) - _MU_BIAS
        positive = code < 128
    else:
        code = _ALL ^ 0x55  # every second bit is sent inverted
        exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
        linear = mantissa * 16 + 8
        magnitude = np.where(exponent == 0, linear, (linear + 256) << np.maximum(exponent - 1, 0))
        positive = code >= 128
    return np.where(positive, magnitude, -magnitude).astype("<i2")


@cache
def _encoding(law: Law) -> np.ndarray:
    """The code of each of the 65,536 samples, from -32768 up."""
    values = _decoding(law).astype(np.int32)
    order = np.argsort(values, kind="stable")
    borders = (values[order][:-1] + values[order][1:]) / 2
    return order.astype(np.uint8)[np.searchsorted(borders, np.arange(-32768, 32768), side="right")]
