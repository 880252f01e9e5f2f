"""A real stack with the embedded engines, a lecture in it, and a real Chromium before it."""

import os
import shutil
import signal
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from viva.client import VivaClient
from viva.samples import SAMPLE_RATE_HZ, cached
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

from .chromium import chromium, window
from .visit import Visit

START_S = 240.0  # of patience on a busy machine
ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
TITLE = "A history of the transistor"
QUESTION = "Who made the first integrated circuit?"
SPOKEN = "What happened in September?"
"""A question that the recogniser hears as it was said."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """What is uploaded, and what the microphone hears; the questions begin at once and are followed by silence."""

    lecture: Path
    question: Path
    question_s: float
    again_and_again: Path
    silence: Path


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    folder = tmp_path_factory.mktemp("recordings")
    lines = (SAMPLES / "lecture.txt").read_text(encoding="utf-8").splitlines()
    answered = next(number for number, line in enumerate(lines) if "made by Jack Kilby" in line)
    lecture, _ = cached("\n".join(lines[answered - 4 : answered + 4]), folder)
    question, rendering = cached(SPOKEN, folder)
    return Recordings(
        lecture,
        followed_by_silence(question, folder / "question.wav", 60.0),
        rendering.duration_s,
        # Shorter than the answer to QUESTION takes to be spoken: somebody will speak into it.
        followed_by_silence(question, folder / "again.wav", 8.0),
        followed_by_silence(None, folder / "silence.wav", 60.0),
    )


def followed_by_silence(recording: Path | None, target: Path, seconds: float) -> Path:
    """The recording with silence behind it, in a file of its own."""
    samples = b""
    if recording is not None:
        with wave.open(str(recording)) as file:
            samples = file.readframes(file.getnframes())
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples + bytes(2 * round(seconds * SAMPLE_RATE_HZ)))
    return target


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    # What listens in on the loudspeaker must come from the page's own address: its policy lets nothing else in.
    shutil.copytree(ROOT / "web", folder / "web")
    shutil.copy(Path(__file__).with_name("output_recorder.js"), folder / "web")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}
    place = Place(folder, free_ports(1)[0])
    with Stack(plan(place, clean | {"VIVA_WEB_DIR": str(folder / "web")}), place.logs) as started:
        started.start(START_S)
        yield started


@pytest.fixture
def killed(stack: Stack) -> Callable[[str], AbstractContextManager[None]]:
    """Kills a part for the time of a block, and waits until it is back."""

    @contextmanager
    def without(name: str) -> Iterator[None]:
        part = stack[name]
        os.kill(part.pid, signal.SIGKILL)
        assert part.wait(START_S)
        try:
            yield
        finally:
            stack.restart(part)
            deadline = time.monotonic() + START_S
            while not part.check_ready():
                assert time.monotonic() < deadline, part.last_lines(5)
                time.sleep(0.05)

    return without


@pytest.fixture(scope="session")
def url(stack: Stack) -> str:
    return stack["orchestrator"].part.url


@pytest.fixture(scope="session")
def lecture(url: str, recordings: Recordings) -> str:
    """The id of an excerpt of the sample lecture, transcribed."""
    with VivaClient(url) as client:
        uploaded = client.upload(recordings.lecture, title=TITLE)
        *_, last = client.follow(uploaded.lecture_id)
        assert last.is_ready
        return last.lecture_id


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright, recordings: Recordings) -> Iterator[Browser]:
    """A browser whose microphone hears nothing but silence."""
    with chromium(playwright, hears=recordings.silence) as opened:
        yield opened


@pytest.fixture(scope="session")
def asking_browser(playwright: Playwright, recordings: Recordings) -> Iterator[Browser]:
    """A browser whose microphone hears the question once it is opened, then silence."""
    with chromium(playwright, hears=recordings.question) as opened:
        yield opened


@pytest.fixture
def visit(url: str) -> Iterator[Callable[..., Visit]]:
    """Opens the page; no exception and no complaint of the browser may be left behind."""
    with ExitStack() as opened:
        visits: list[Visit] = []

        def open_page(browser: Browser, *, at: str = url, expected: str = r"$^", **options: object) -> Visit:
            context = opened.enter_context(window(browser, **options))
            visits.append(Visit(context, at, expected=expected))
            return visits[-1]

        yield open_page
        for each in visits:
            assert each.errors == []


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page of the server's own, for modules by themselves."""
    opened = browser.new_page()
    opened.goto(url)
    yield opened
    opened.close()


@pytest.fixture
def talking(visit: Callable[..., Visit], browser: Browser, lecture: str) -> Visit:
    """The page with the lecture chosen, and a microphone that hears silence."""
    opened = visit(browser)
    opened.choose(TITLE)
    return opened
