"""The lectures that callers ask about, and their questions, spoken by flite."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from loadtest.plan import Spoken
from viva.samples import cached, read_lines

SUBJECTS = Path(__file__).parent / "subjects.toml"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording to upload, and recorded questions about it."""

    title: str
    path: Path
    questions: tuple[Spoken, ...]


def record(count: int, lines: int, folder: Path) -> list[Recorded]:
    """The first `count` lectures, of so many sentences each, in `folder`, where they are found again.

    Raises EngineUnavailable without flite.
    """
    subjects = tomllib.loads(SUBJECTS.read_text(encoding="utf-8"))["lecture"][:count]
    return [_recorded(subject, lines, folder) for subject in subjects]


def _recorded(subject: dict, lines: int, folder: Path) -> Recorded:
    sentences = [line.text for line in read_lines(subject["text"])][:lines]
    path, _ = cached("\n".join(sentences), folder)
    questions = []
    for text in subject["questions"]:
        audio, rendering = cached(text, folder)
        questions.append(Spoken(text, str(audio), rendering.lines[-1].end))
    return Recorded(subject["title"], path, tuple(questions))
