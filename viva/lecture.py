"""A lecture as the server describes it to its clients."""

from dataclasses import dataclass
from typing import Any

from viva.passages import Segment


@dataclass(frozen=True, slots=True)
class Lecture:
    """A lecture as the server describes it. Times in seconds of the recording; `progress` from 0 to 1."""

    lecture_id: str
    status: str
    progress: float = 0.0
    duration_s: float = 0.0
    title: str | None = None
    created_at: float | None = None  # Unix time
    error: str | None = None  # why it failed, a sentence
    error_code: str | None = None
    has_speech: bool | None = None  # false: it is ready, and not a word was heard in it
    sha256: str | None = None  # of the recording
    segments: tuple[Segment, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether all of it has its transcript."""
        return self.status == "ready"


_PLAIN = ("lecture_id", "status", "progress", "duration_s", "title", "created_at", "has_speech", "sha256")


def lecture_of(body: dict[str, Any]) -> Lecture:
    """The lecture in a JSON body of the server; what the body does not say keeps its default."""
    known = {name: body[name] for name in _PLAIN if body.get(name) is not None}
    error = body.get("error") or {}
    return Lecture(
        **known,
        error=error.get("message"),
        error_code=error.get("code"),
        segments=tuple(
            Segment(start=entry["start"], end=entry["end"], text=entry["text"]) for entry in body.get("segments") or ()
        ),
    )
