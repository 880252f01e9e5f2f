"""A real stack (Redis, the four services, embedded engines), started once for all tests of this folder that use it."""

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from viva.client import Lecture, VivaClient
from viva.samples import cached
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

START_S = 180.0  # of patience on a busy machine, not of speed
SAMPLES = Path(__file__).parents[2] / "samples"
MARK = "STACK_TEST_MARK"


@dataclass(frozen=True, slots=True)
class Spoken:
    """Recordings: a part of the sample lecture, a question about it, and one that only the first makes sense of."""

    lecture: Path
    question: Path
    follow_up: Path


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    cache = tmp_path_factory.mktemp("spoken")
    lines = (SAMPLES / "lecture.txt").read_text(encoding="utf-8").splitlines()
    answered = next(number for number, line in enumerate(lines) if "made by Jack Kilby" in line)
    excerpt = "\n".join(lines[answered - 4 : answered + 4])
    return Spoken(
        cached(excerpt, cache)[0],
        cached("Who made the first integrated circuit?", cache)[0],
        cached("And what year was that?", cache)[0],
    )


def clean_environment() -> dict[str, str]:
    """This process's environment without anybody's VIVA_ settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    place = Place(folder, free_ports(1)[0])
    with Stack(plan(place, clean_environment()), place.logs) as started:
        started.start(START_S)
        yield started


@pytest.fixture(scope="session")
def url(stack: Stack) -> str:
    return stack["orchestrator"].part.url


@pytest.fixture
def client(url: str) -> Iterator[VivaClient]:
    with VivaClient(url) as opened:
        yield opened


@pytest.fixture(scope="session")
def lecture(stack: Stack, url: str, spoken: Spoken) -> Lecture:
    """The excerpt, uploaded and transcribed."""
    with VivaClient(url) as client:
        uploaded = client.upload(spoken.lecture, title="Kilby")
        *_, last = client.follow(uploaded.lecture_id)
        return last


@dataclass(frozen=True, slots=True)
class Family:
    """An environment for a command, and what it and all its descendants are found by, whatever group they are in."""

    environ: dict[str, str]
    members: Callable[[], list[psutil.Process]]


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    """Whatever a test started and left running is killed after it."""
    mark = uuid.uuid4().hex
    found = Family({**clean_environment(), MARK: mark}, lambda: _members(mark, tmp_path))
    yield found
    for process in found.members():
        process.kill()


def _members(mark: str, folder: Path) -> list[psutil.Process]:
    """Processes with the mark in their environment, or at work in `folder`: Redis overwrites its environment."""
    members = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK) == mark or Path(process.cwd()).is_relative_to(folder):
                members.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return members
