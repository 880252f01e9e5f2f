"""What of an answer was heard: from the timing of the spoken clauses, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BYTES_PER_MS = 48
"""Of the audio that clients count with: s16le mono at 24 kHz."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A clause that was sent as audio, and how long it sounds."""

    text: str
    ms: float


def spoken_ms(clauses: Sequence[Spoken]) -> float:
    """How long all of it sounds."""
    return sum(clause.ms for clause in clauses)


def heard(answer: str, clauses: Sequence[Spoken], end_ms: float) -> str:
    """The beginning of `answer` that was heard when playback stopped at `end_ms`; all of it past the last clause's end.

    Within a clause a word counts when its last letter was reached, letters sounding equally long. What is written
    between two clauses and was never spoken counts as soon as the second one begins.
    """
    end = begun = 0  # in characters of the answer; where the clause before ended
    for clause in clauses:
        words = clause.text.split()
        ends = _word_ends(answer, words, begun)
        if end_ms >= clause.ms:
            end = begun = ends[-1] if ends else begun
            end_ms -= clause.ms
            continue
        share = end_ms / clause.ms if clause.ms else 0.0
        letters = sum(map(len, words))
        said = 0
        for word, word_end in zip(words, ends, strict=False):
            said += len(word)
            if said > share * letters:
                return answer[:end]
            end = word_end
        return answer[:end]
    return answer


def said_so_far(answer: str, clauses: Sequence[Spoken]) -> str:
    """The beginning of `answer` up to the end of the last clause that was sent as audio."""
    end = 0
    for clause in clauses:
        end = (_word_ends(answer, clause.text.split(), end) or [end])[-1]
    return answer[:end]


def _word_ends(answer: str, words: Sequence[str], start: int) -> list[int]:
    """Where in `answer`, from `start` on, each of the words ends; a word that is not found is passed over."""
    ends = []
    for word in words:
        found = answer.find(word, start)
        start = found + len(word) if found >= 0 else start
        ends.append(start)
    return ends
