"""How long a whole audio file is, from its headers alone: some microseconds, where decoding takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

# kbit/s of MPEG-1 layer III, and of MPEG-2 and 2.5, by the index in a frame's header (ISO 11172-3, 13818-3).
_MP3_KBPS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
# Samples per second by the index in an ADTS header (ISO 13818-7).
_AAC_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_AAC_SAMPLES = 1024  # of a frame
_ADTS_HEADER_BYTES = 7
_OPUS_HZ = 48_000  # of the positions in Ogg pages, whatever the audio's own rate (RFC 7845)
_PCM_HZ = 24_000  # OpenAI's
_WAV_HEADER_BYTES = 44  # of ours, and of whoever writes nothing but samples


def audio_seconds(data: bytes, audio_format: str) -> float:
    """Seconds of a file in one of the formats that speech comes in; 0 for what cannot be read, or has no such format.

    Mono and 16 bits for wav and pcm, a constant bit rate for mp3.
    """
    try:
        return max(0.0, _SECONDS[audio_format](data))
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        return 0.0


def _pcm(data: bytes) -> float:
    return len(data) / 2 / _PCM_HZ


def _wav(data: bytes) -> float:
    rate_hz = int.from_bytes(data[24:28], "little")
    return (len(data) - _WAV_HEADER_BYTES) / 2 / rate_hz


def _mp3(data: bytes) -> float:
    start = data.index(b"\xff")
    first_of_two = data[start + 1] >> 3 & 3 == 3  # MPEG-1 rather than MPEG-2
    return (len(data) - start) * 8 / (_MP3_KBPS[first_of_two][data[start + 2] >> 4] * 1000)


def _opus(data: bytes) -> float:
    """The position at the end of the last page, less what a decoder leaves out at the beginning."""
    head, last = data.index(b"OpusHead"), data.rindex(b"OggS")
    skipped = int.from_bytes(data[head + 10 : head + 12], "little")
    return (int.from_bytes(data[last + 6 : last + 14], "little") - skipped) / _OPUS_HZ


def _aac(data: bytes) -> float:
    frames, at = 0, 0
    while at + _ADTS_HEADER_BYTES <= len(data):
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        if length < _ADTS_HEADER_BYTES:
            raise ValueError("no frame of AAC")
        at += length
        frames += 1
    return frames * _AAC_SAMPLES / _AAC_HZ[data[2] >> 2 & 15]


def _flac(data: bytes) -> float:
    """The number of the last frame, times the samples of each: streamed files, as ours are, state no length."""
    samples = int.from_bytes(data[8:10], "big")
    rate_hz = int.from_bytes(data[18:21], "big") >> 4
    at = len(data)
    while True:
        at = data.rindex(b"\xff\xf8", 0, at)
        number, size = _utf8_number(data[at + 4 : at + 11])
        rest = {6: 1, 7: 2}.get(data[at + 2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(data[at + 2] & 15, 0)
        end = at + 4 + size + rest
        if size and _crc8(data[at:end]) == data[end]:
            return (number + 1) * samples / rate_hz


def _utf8_number(data: bytes) -> tuple[int, int]:
    """A number in FLAC's UTF-8 of up to seven bytes, and how many it took; 0 bytes for what is none."""
    first = data[0]
    ones = 8 - (~first & 0xFF).bit_length()
    if ones == 0:
        return first, 1
    if ones == 1 or ones > 7 or len(data) < ones:
        return 0, 0
    number = first & (0x7F >> ones)
    for byte in data[1:ones]:
        number = number << 6 | byte & 0x3F
    return number, ones


def _crc8(data: bytes) -> int:
    """FLAC's check of a frame's header: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 ^ 0x07 if crc & 0x80 else crc << 1
        crc &= 0xFF
    return crc


_SECONDS: Mapping[str, Callable[[bytes], float]] = MappingProxyType(
    {"pcm": _pcm, "wav": _wav, "mp3": _mp3, "opus": _opus, "aac": _aac, "flac": _flac}
)
