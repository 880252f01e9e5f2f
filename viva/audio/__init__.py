"""Audio in and out: a Decoder that trusts nothing, an Encoder, and WAV headers.

    async with Decoder() as decoder:
        info = await decoder.inspect(path, limits)
        async for block in decoder.decode(path, limits): ...

The names are loaded on first use: the process that the decoder's children are forked from runs this file
too, and should hold no more than they need.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from viva.audio.decode import Decoder
    from viva.audio.encode import CONTENT_TYPES, Encoder
    from viva.audio.info import AudioInfo, AudioLimits
    from viva.audio.wav import wav_bytes, wav_header

_HOMES = {
    "AudioInfo": "info",
    "AudioLimits": "info",
    "CONTENT_TYPES": "encode",
    "Decoder": "decode",
    "Encoder": "encode",
    "wav_bytes": "wav",
    "wav_header": "wav",
}

__all__ = [
    "CONTENT_TYPES",
    "AudioInfo",
    "AudioLimits",
    "Decoder",
    "Encoder",
    "wav_bytes",
    "wav_header",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
