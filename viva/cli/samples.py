"""The sample lecture and its questions as audio, rendered once."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from viva.errors import EngineUnavailable
from viva.samples import cached

FOLDER = Path(__file__).parents[2] / "samples"
TITLE = "The transistor"


@dataclass(frozen=True, slots=True)
class Samples:
    """Paths of the lecture and of the questions, in the order in which they are asked."""

    lecture: Path
    lecture_s: float
    questions: tuple[Path, ...]
    asked: tuple[str, ...]


def render_samples(cache: Path, folder: Path = FOLDER) -> Samples:
    """Renders what is not in `cache` yet. Raises EngineUnavailable without flite, or outside a clone of Viva."""
    if not (folder / "lecture.txt").exists():
        raise EngineUnavailable("The sample lecture is part of a clone of Viva's repository: run this in one.")
    lecture, rendering = cached((folder / "lecture.txt").read_text(encoding="utf-8"), cache)
    turns = tomllib.loads((folder / "questions.toml").read_text(encoding="utf-8"))["turn"]
    asked = tuple(turn["ask"] for turn in turns)
    return Samples(lecture, rendering.duration_s, tuple(cached(question, cache)[0] for question in asked), asked)
