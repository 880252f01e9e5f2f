"""What a lecture is: its record while it is worked on, and the transcript that turns read."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Literal

from viva.passages import Segment

Status = Literal["queued", "transcribing", "ready", "failed"]

SAMPLE_RATE_HZ = 16_000
BYTES_PER_SAMPLE = 2
WAV_HEADER_BYTES = 44

_LECTURE_ID = re.compile(r"lec_[0-9a-f]{32}")
_TITLE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Lecture:
    """The record of one lecture. Times are seconds; `created_at` is Unix time, the others are of the recording."""

    lecture_id: str
    title: str | None
    created_at: float
    duration_s: float
    status: Status = "queued"
    transcribed_s: float = 0.0
    error: str | None = None  # why it failed, a sentence
    error_code: str | None = None
    has_speech: bool | None = None  # whether a word was heard in it; None while none was and more may come
    sha256: str | None = None  # of the recording as it came, hexadecimal; None for one uploaded before it was kept
    moved_at: float | None = field(default=None, compare=False)  # Unix time: queued, or its last piece transcribed

    @property
    def stands_since(self) -> float:
        """Since when nothing of it was transcribed, as Unix time."""
        return self.created_at if self.moved_at is None else self.moved_at

    @property
    def progress(self) -> float:
        """How much of the recording has its transcript, 0 to 1."""
        if self.status == "ready":
            return 1.0
        return min(1.0, self.transcribed_s / self.duration_s) if self.duration_s else 0.0


@dataclass(frozen=True, slots=True)
class Transcript:
    """What has been recognised of a lecture: the segments of its first `transcribed_s` seconds, in order."""

    lecture_id: str
    title: str | None
    status: Status
    duration_s: float
    transcribed_s: float
    segments: tuple[Segment, ...]
    error: str | None = None
    error_code: str | None = None

    @property
    def has_speech(self) -> bool | None:
        """Whether a word was heard in it; None while none was and more may come."""
        return True if self.segments else False if self.status == "ready" else None

    @property
    def finished(self) -> bool:
        """Whether the status will not change any more."""
        return self.status in ("ready", "failed")


def samples_in(wav_bytes: int) -> int:
    """How many samples a WAV of ours of so many bytes holds."""
    return max(0, wav_bytes - WAV_HEADER_BYTES) // BYTES_PER_SAMPLE


def sample_byte(sample: int) -> int:
    """Where a sample begins in a WAV of ours."""
    return WAV_HEADER_BYTES + sample * BYTES_PER_SAMPLE


def new_lecture_id() -> str:
    """An id that cannot be guessed and sorts by the time it was made, so that lists need no other order."""
    return f"lec_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def is_lecture_id(text: str) -> bool:
    """Whether `text` could be an id of ours; anything else never reaches a store."""
    return _LECTURE_ID.fullmatch(text) is not None


def clean_title(title: str | None) -> str | None:
    """The title as one line of printable text, at most 200 characters; None when nothing is left."""
    if title is None:
        return None
    printable = "".join(character if character.isprintable() else " " for character in title[:2000])
    return " ".join(printable.split())[:_TITLE_CHARACTERS] or None
