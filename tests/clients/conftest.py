"""A real stack with the embedded engines and the sample lecture, started once for the tests of all clients."""

import os
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from viva.audio import Encoder
from viva.client import Lecture, VivaClient
from viva.samples import SAMPLE_RATE_HZ, cached
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

from .answers import FOLLOW_UP, QUESTION, SLOW_ANSWER

START_S = 240.0  # of patience on a busy machine, not of speed
SAMPLES = Path(__file__).parents[2] / "samples"
# The answer is some twenty seconds of speech, and written in half as many.
SLOW = {
    "VIVA_LLM_BACKENDS": "fake",
    "VIVA_LLM_FAKE_TEXT": SLOW_ANSWER,
    "VIVA_LLM_FAKE_TOKENS_PER_S": "8",
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """Questions as a microphone hears them: files of s16le samples at 24 kHz."""

    question: str
    follow_up: str


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    folder = tmp_path_factory.mktemp("spoken")
    return Spoken(
        _microphone(QUESTION, folder),
        _microphone(FOLLOW_UP, folder),
    )


def _microphone(text: str, folder: Path) -> str:
    recording, _ = cached(text, folder)
    with wave.open(str(recording)) as file:
        encoder = Encoder("pcm", SAMPLE_RATE_HZ, 24_000)
        pcm = encoder.feed(file.readframes(file.getnframes())) + encoder.flush()
    recording.with_suffix(".pcm").write_bytes(pcm)
    return str(recording.with_suffix(".pcm"))


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("stack"), free_ports(1)[0])


@pytest.fixture(scope="session")
def stack(place: Place) -> Iterator[Stack]:
    with Stack(plan(place, _environment()), place.logs) as started:
        started.start(START_S)
        yield started


@pytest.fixture(scope="session")
def url(stack: Stack) -> str:
    return stack["orchestrator"].part.url


@pytest.fixture(scope="session")
def slow_url(stack: Stack, place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another replica of the orchestrator, whose model takes its time: there is something to interrupt."""
    shared = {
        "VIVA_REDIS_URL": stack["redis"].part.url,
        "VIVA_ASR_URL": stack["asr"].part.url,
        "VIVA_TTS_URL": stack["tts"].part.url,
        "VIVA_OBJECT_STORE_URL": str(place.folder / "data" / "objects"),
    }
    other = Place(tmp_path_factory.mktemp("slow"), free_ports(1)[0])
    with Stack(plan(other, _environment() | shared | SLOW), other.logs) as started:
        started.start(START_S)
        yield other.url


@pytest.fixture(scope="session")
def lecture(url: str, tmp_path_factory: pytest.TempPathFactory) -> Lecture:
    """The part of the sample lecture that tells of the first integrated circuit, uploaded and transcribed."""
    lines = (SAMPLES / "lecture.txt").read_text(encoding="utf-8").splitlines()
    answered = next(number for number, line in enumerate(lines) if "made by Jack Kilby" in line)
    recording, _ = cached("\n".join(lines[answered - 4 : answered + 4]), tmp_path_factory.mktemp("lecture"))
    with VivaClient(url) as client:
        uploaded = client.upload(recording, title="Kilby")
        *_, last = client.follow(uploaded.lecture_id)
        return last


@pytest.fixture
def client(url: str) -> Iterator[VivaClient]:
    with VivaClient(url) as opened:
        yield opened
