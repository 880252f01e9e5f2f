"""What the generator is told by whoever prepared the target: a file between two processes."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest.crowd import Lecture
from loadtest.speech import read_speech


@dataclass(frozen=True, slots=True)
class Spoken:
    """A question's words, its recording, and the second of it at which the speech ends."""

    text: str
    path: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """A lecture of the target, and recorded questions about it."""

    lecture_id: str
    questions: tuple[Spoken, ...]

    def lecture(self) -> Lecture:
        """The same with the sound of the questions."""
        return Lecture(
            self.lecture_id, tuple(read_speech(one.text, Path(one.path), one.until_s) for one in self.questions)
        )


def write_plan(path: Path, url: str, scenario: Path, lectures: Sequence[Prepared]) -> None:
    """Writes the file."""
    plan = {"url": url, "scenario": str(scenario), "lectures": [asdict(one) for one in lectures]}
    path.write_text(json.dumps(plan), encoding="utf-8")


def read_plan(path: Path) -> tuple[str, Path, tuple[Prepared, ...]]:
    """The URL, the scenario's file and the lectures."""
    plan = json.loads(path.read_text(encoding="utf-8"))
    lectures = tuple(
        Prepared(one["lecture_id"], tuple(Spoken(**question) for question in one["questions"]))
        for one in plan["lectures"]
    )
    return plan["url"], Path(plan["scenario"]), lectures
