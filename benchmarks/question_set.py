"""The questions that the lectures of benchmarks/lectures are measured with; README.md describes the format."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from viva.samples import SpokenLine, TextLine, read_lines

LECTURES = Path(__file__).parent / "lectures"


@dataclass(frozen=True, slots=True)
class Question:
    """A question as a person speaks it."""

    ask: str
    lines: tuple[int, ...]  # numbers of the lines that answer it, any of them; empty where none does
    distance: str | None = None
    """How far one that is not covered is from the lecture: "far", "near" (its subject), "detail" (of what it names)."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A lecture and its questions."""

    name: str
    text: str
    held_out: bool  # looked at only to report, never to tune
    answerable: tuple[Question, ...]
    not_covered: tuple[Question, ...]
    dialogues: tuple[tuple[Question, ...], ...]  # each is one session: a turn may need the turns before it


def load(path: Path) -> QuestionSet:
    """The questions in one TOML file. Raises ValueError where a quote is not in exactly one line of the lecture."""
    content = tomllib.loads(path.read_text())
    text = (path.parent / content["text"]).read_text()
    lines = read_lines(text)

    def questions(entries: list[dict]) -> tuple[Question, ...]:
        return tuple(_question(entry, lines) for entry in entries)

    return QuestionSet(
        name=path.stem,
        text=text,
        held_out=content["held_out"],
        answerable=questions(content["answerable"]),
        not_covered=questions(content["not_covered"]),
        dialogues=tuple(questions(dialogue["turn"]) for dialogue in content["dialogue"]),
    )


def load_all(folder: Path = LECTURES) -> list[QuestionSet]:
    """Every question set of a folder, by name."""
    return [load(path) for path in sorted(folder.glob("*.toml"))]


def is_right(question: Question, spoken: Sequence[SpokenLine], start_s: float, end_s: float) -> bool:
    """Whether `start_s` to `end_s` of the recording, a cited passage, shows a line that answers the question.

    Recognised passages do not end where lines do: half of the line within the passage, or half of the passage
    within the line, is enough.
    """
    return any(
        min(end_s, line.end) - max(start_s, line.start) > min(end_s - start_s, line.end - line.start) / 2
        for line in spoken
        if line.number in question.lines
    )


def _question(entry: dict, lines: list[TextLine]) -> Question:
    numbers = tuple(_number_of(quote, lines) for quote in entry.get("answer", ()))
    return Question(entry["ask"], numbers, entry.get("distance"))


def _number_of(quote: str, lines: list[TextLine]) -> int:
    found = [line.number for line in lines if quote in line.text]
    if len(found) != 1:
        raise ValueError(f"{quote!r} is in {len(found)} lines of the lecture, not in one")
    return found[0]
