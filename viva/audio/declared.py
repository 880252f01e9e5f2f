"""What a file's header declares, read by ourselves where FFmpeg guesses or believes.

FFmpeg takes a WAV's data size on trust, and where an MP3 says nothing it estimates a duration from the
bit rate. To tell a recording that was cut short from one that never said how long it is, the two headers
are read here.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from viva.errors import AudioRejected

STREAMED = 0xFFFFFFFF  # the size that FFmpeg writes when it cannot go back and fill it in
MAX_CHUNKS = 1000
MAX_SAMPLE_RATE_HZ = 768_000
MIN_SAMPLE_RATE_HZ = 1_000
MAX_CHANNELS = 64

MAGIC = {  # (offset, bytes) with which the recordings we read begin
    "wav": (0, b"RIFF"),
    "flac": (0, b"fLaC"),
    "ogg": (0, b"OggS"),
    "matroska": (0, b"\x1aE\xdf\xa3"),
    "mp3 with tags": (0, b"ID3"),
    "mp4": (4, b"ftyp"),
    "aiff": (0, b"FORM"),
    "amr": (0, b"#!AMR"),
    "wma": (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    "caf": (0, b"caff"),
    "au": (0, b".snd"),
}


def begins_like_a_recording(head: bytes) -> bool:
    """Whether the first bytes are those of a container that we read."""
    return any(head[at : at + len(magic)] == magic for at, magic in MAGIC.values())


def check_format(sample_rate_hz: int, channels: int) -> None:
    """Refuse rates and channel counts that no recording has."""
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise AudioRejected(f"The recording claims a sample rate of {sample_rate_hz} Hz, which is not possible.")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioRejected(f"The recording claims {channels} channels, which is not possible.")


@dataclass
class _Riff:
    size: int
    data_at: int = 0
    data_size: int = -1


def check_wav(file: BinaryIO, file_size: int) -> None:
    """Refuse a WAV whose header promises more than the file holds; other files pass.

    Accepted although the size is wrong: RIFF and data size both 0xFFFFFFFF, which FFmpeg writes to a pipe;
    and a data size of 0 with bytes behind it that the RIFF size does not count either, which a recorder
    leaves that was stopped before it could fill in the header. Raises AudioRejected.
    """
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return
    riff = _Riff(size=struct.unpack("<I", head[4:8])[0])
    _find_data(file, riff)
    if riff.data_size < 0:
        raise _truncated()
    held = file_size - riff.data_at
    unfilled = riff.size in (0, STREAMED) or riff.size + 8 <= riff.data_at
    if held == 0 or (riff.data_size == 0 and not unfilled):
        if riff.data_size in (0, STREAMED):
            raise AudioRejected("The recording holds no sound.", code="audio_empty")
        raise _truncated()
    if riff.data_size == STREAMED and riff.size == STREAMED:
        return
    if riff.data_size > held:
        raise _truncated()


def _find_data(file: BinaryIO, riff: _Riff) -> None:
    for _ in range(MAX_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            riff.data_at, riff.data_size = file.tell(), size
            return
        if name == b"fmt " and size >= 16:
            _, channels, rate = struct.unpack("<HHI", file.read(8).ljust(8, b"\0"))
            check_format(rate, channels)
            size -= 8
        file.seek(size + size % 2, 1)


def _truncated() -> AudioRejected:
    return AudioRejected(
        "The recording is cut short: its header promises more sound than the file holds.",
        code="audio_truncated",
    )


def mp3_frames(file: BinaryIO) -> int | None:
    """The number of frames that an MP3's Xing or Info header declares, or None where it has none."""
    file.seek(0)
    head = file.read(10)
    at = 0
    if head[:3] == b"ID3" and len(head) == 10:
        at = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(at)
    first = file.read(512)
    for mark in (b"Xing", b"Info"):
        found = first.find(mark)
        if found >= 0 and len(first) >= found + 12:
            flags, frames = struct.unpack(">II", first[found + 4 : found + 12])
            return frames if flags & 1 else None
    return None
