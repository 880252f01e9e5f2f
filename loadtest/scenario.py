"""A scenario: who calls, how often, with which habits, and what has to hold; read from a TOML file."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Transport = Literal["jsonl", "sse", "realtime"]
FOLDER = Path(__file__).parent / "scenarios"
LAST_WORDS_S = 10.0
"""How long a question that was begun at the end may take to be said, and a connection to be closed."""


class WrongScenario(ValueError):
    """A scenario that cannot be run; the message has the file, the line and the reason."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class People(_Table):
    """What callers do. Shares are of 1."""

    lectures: int = Field(4, ge=1, le=6)
    zipf: float = Field(1.1, ge=0, le=4)
    """The n-th lecture is asked about 1/n^zipf times as often as the first."""
    lecture_lines: int = Field(16, ge=2)
    transports: dict[Transport, Annotated[float, Field(ge=0)]] = {"jsonl": 1.0, "sse": 1.0, "realtime": 1.0}
    spoken: Share = 1.0
    """The rest is typed."""
    think_s: tuple[float, float] = (2.0, 6.0)
    """Least and most seconds between an answer and the next question."""
    follow_up: Share = 0.5
    """How often another question follows in the same conversation."""
    listens: bool = True
    """Whether an answer is heard to its end before anything else is done."""
    interrupt: Share = 0.0
    """Answers that are cut short, some seconds after they were first heard."""
    reconnect: Share = 0.0
    """Realtime conversations whose connection is lost between two questions, and taken up again."""
    audio_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm", "none"] = "pcm"
    turn_detection: Literal["none", "server_vad"] = "none"
    """Of Realtime: `none` is push-to-talk."""
    frame_ms: int = Field(100, ge=10, le=1000)
    """Length of a Realtime append."""
    patience_s: float = Field(30.0, gt=0)
    """Seconds without anything from the server after which a caller gives up."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.think_s[0] < 0 or self.think_s[1] < self.think_s[0]:
            raise ValueError("think_s: the least seconds, then the most")
        if not any(self.transports.values()):
            raise ValueError("transports: at least one has a weight above 0")
        return self


class Arrivals(_Table):
    """How callers come: `closed`, a set number who come back; `open`, at a rate that does not depend on answers."""

    mode: Literal["closed", "open"]
    people: int | None = Field(None, ge=1)
    per_s: float | None = Field(None, gt=0)
    """Questions in a second, follow-ups counted."""
    steps: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """`open`: so many times `per_s`, one after another; `seconds` is the length of each."""
    pause_s: float = Field(5.0, ge=0)
    """Seconds without arrivals between two steps."""
    probe_people: int | None = Field(None, ge=1)
    """`open`: first so many people ask without a pause; the answers in a second are `per_s`."""
    probe_s: float = Field(15.0, gt=0)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.mode == "closed" and self.people is None:
            raise ValueError("closed arrivals need people")
        if self.mode == "closed" and (self.per_s or self.steps or self.probe_people):
            raise ValueError("per_s, steps and probe_people are of open arrivals")
        if self.mode == "open" and (self.per_s is None) == (self.probe_people is None):
            raise ValueError("open arrivals need per_s, or probe_people that measure it")
        if self.mode == "open" and self.people is not None:
            raise ValueError("people are of closed arrivals")
        return self


class Stack(_Table):
    """The stack that is started when no URL is given."""

    engines: Literal["embedded", "fake"] = "embedded"
    environment: dict[Annotated[str, Field(pattern="^VIVA_[A-Z0-9_]+$")], str] = {}


class Limit(_Table):
    """What a figure of the report has to be."""

    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give at_most or at_least")
        return self


class Scenario(_Table):
    """One load test."""

    name: str = Field(min_length=1, pattern="^[a-z0-9-]+$")
    about: str = ""
    seconds: float = Field(gt=0)
    """How long people come; with steps, the length of each."""
    warm_up_s: float = Field(0.0, ge=0)
    """Questions asked earlier are not counted."""
    seed: int = 1
    slo_s: float = Field(3.0, gt=0)
    """An answer is useful when its first audible sample comes within so many seconds of the end of the question."""
    people: People = People()
    arrivals: Arrivals
    stack: Stack = Stack()
    thresholds: dict[str, dict[str, Limit]] = {}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.warm_up_s >= self.seconds:
            raise ValueError("warm_up_s is not shorter than seconds")
        return self

    @property
    def drain_s(self) -> float:
        """How long turns under way at the end are waited for: until every caller has been answered or has given up."""
        return self.people.patience_s + LAST_WORDS_S

    @property
    def limits(self) -> dict[str, Limit]:
        """The thresholds by the names of their figures, such as first_audible.p95."""
        return {f"{group}.{name}": limit for group, found in self.thresholds.items() for name, limit in found.items()}


def named(name: str) -> Path:
    """The file of a scenario, by its path or by the name of one of ours. Raises WrongScenario when there is none."""
    for path in (Path(name), FOLDER / f"{name}.toml"):
        if path.is_file():
            return path
    ours = ", ".join(sorted(path.stem for path in FOLDER.glob("*.toml")))
    raise WrongScenario(f"There is no scenario {name!r}: give a file, or one of {ours}.")


def read(path: Path) -> Scenario:
    """The scenario in a file. Raises WrongScenario."""
    return parse(path.read_text(encoding="utf-8"), str(path))


def parse(text: str, where: str) -> Scenario:
    """The scenario in `text`; `where` names it in errors. Raises WrongScenario with the line at fault."""
    try:
        return Scenario.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        reason, line = str(error), re.search(r" \(at line (\d+), column \d+\)$", str(error))
        number = int(line[1]) if line else len(text.splitlines())
        raise WrongScenario(f"{where}, line {number}: {reason[: line.start()] if line else reason}.") from None
    except ValidationError as error:
        # What is misspelt is missing as well, and says more.
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        problem = min(problems, key=lambda one: one["type"] != "extra_forbidden")
        path = tuple(str(part) for part in problem["loc"] if isinstance(part, str))
        name = ".".join(path) or "scenario"
        if problem["type"] == "missing" and len(path) == 1:  # in no table whose line would help
            raise WrongScenario(f"{where}: {name} is missing.") from None
        unknown = problem["type"] == "extra_forbidden"
        reason = "there is no such setting" if unknown else problem["msg"].removeprefix("Value error, ")
        raise WrongScenario(f"{where}, line {line_of(text, path)}: {name}: {reason}.") from None


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The number of the line that sets `path`, or else of what is nearest above it in the file's tables."""
    best, best_depth, table = 1, 0, ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\]]+)\]+", line):
            found = table = _keys(header[1])
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            found = table + _keys(key[1])
        else:
            continue
        depth = next((n for n, (ours, theirs) in enumerate(zip(found, path, strict=False)) if ours != theirs), None)
        depth = min(len(found), len(path)) if depth is None else 0
        if depth > best_depth:
            best, best_depth = number, depth
    return best


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
