"""Lectures of any length, made of the benchmarks' texts, with a fact about a name in chosen minutes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from viva.passages import Segment
from viva_orchestrator.lectures.model import Status, Transcript

WORDS_PER_MINUTE = 150
# As a recogniser gives them: a sentence or a part of one.
WORDS_PER_SEGMENT = 14
PAUSE_S = 0.2

_TEXTS = Path(__file__).parents[3] / "benchmarks" / "lectures"


@cache
def all_words() -> tuple[str, ...]:
    """The words of all texts, in order."""
    return tuple(word for path in sorted(_TEXTS.glob("*.txt")) for word in path.read_text().split())


def long_lecture(
    minutes: float,
    facts: Mapping[float, str] | None = None,
    *,
    lecture_id: str = f"lec_{0:032x}",
    status: Status = "ready",
) -> Transcript:
    """A transcript of so many minutes; `facts` maps minutes to what is said then."""
    words = islice(cycle(all_words()), round(minutes * WORDS_PER_MINUTE))
    waiting = dict(sorted((facts or {}).items()))
    length_s = 60 * WORDS_PER_SEGMENT / WORDS_PER_MINUTE
    segments: list[Segment] = []
    start_s = 0.0
    while said := list(islice(words, WORDS_PER_SEGMENT)):
        text = " ".join(said)
        if waiting and start_s >= 60 * next(iter(waiting)):
            text = waiting.pop(next(iter(waiting)))
        segments.append(Segment(start_s, start_s + length_s - PAUSE_S, text))
        start_s += length_s
    return Transcript(lecture_id, "A long day", status, start_s, start_s, tuple(segments))
