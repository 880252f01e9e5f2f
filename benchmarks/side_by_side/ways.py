"""The compared systems as processes over the same stages: how each is started, and who asks it."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.asking import running_stack, upload
from benchmarks.machinery import share_cores
from benchmarks.proxies import ENVIRONMENTS, Started, running
from benchmarks.side_by_side import stages
from benchmarks.side_by_side.callers import Caller, PipecatCaller, SequenceCaller, VivaCaller
from viva.samples import render
from viva.stack.ports import LOOPBACK, free_ports

READY_WITHIN_S = 60.0
BOT = Path(__file__).with_name("pipecat_bot.py")


@dataclass(frozen=True, slots=True)
class Way:
    """One of the compared, running: `pid` is the process that is measured, with all its children."""

    name: str
    pid: int
    address: str
    caller: type[Caller]


@contextmanager
def fake_stages(sentences: int, folder: Path, core: int | None) -> Iterator[str]:
    """The stages' URL."""
    port = free_ports(1)[0]
    module = "benchmarks.side_by_side.fake_stages"
    command = Started([sys.executable, "-m", module, str(port), str(sentences)], {})
    with running(command, core=core, log=folder / "stages.log") as process:
        url = f"http://{LOOPBACK}:{port}"
        _wait(f"{url}/v1/models", process, folder / "stages.log")
        yield url


@contextmanager
def viva(stages_url: str, core: int | None) -> Iterator[tuple[Way, Path]]:
    """The orchestrator as `make run` starts it, but with the stages elsewhere; and the recording of the question."""
    environ = {f"VIVA_{stage}_URL": stages_url for stage in ("ASR", "LLM", "TTS")}
    environ |= {"VIVA_LLM_MODEL": "fake", "VIVA_MAX_ACTIVE_TURNS": "1000", "VIVA_LOG_LEVEL": "warning"}
    with running_stack(environ) as (stack, url, folder):
        question = folder / "question.wav"
        render(stages.QUESTION, question)
        lecture = upload(url, question)
        if core is not None:
            share_cores(stack)
        address = f"{url.replace('http', 'ws', 1)}/v1/realtime?model=viva&lecture_id={lecture}"
        yield Way("Viva", stack["orchestrator"].pid, address, VivaCaller), question


@contextmanager
def pipecat(stages_url: str, folder: Path, core: int | None) -> Iterator[Way]:
    """The bot of pipecat_bot.py."""
    port = free_ports(1)[0]
    python = str(ENVIRONMENTS / "pipecat/bin/python")
    command, log = Started([python, str(BOT), str(port), stages_url], {}), folder / "pipecat.log"
    with running(command, core=core, log=log) as process:
        _wait(f"http://{LOOPBACK}:{port}/readyz", process, log)
        yield Way("pipecat", process.pid, f"ws://{LOOPBACK}:{port}/ws", PipecatCaller)


@contextmanager
def in_sequence(stages_url: str, folder: Path, core: int | None) -> Iterator[Way]:
    """in_sequence.py."""
    port, log = free_ports(1)[0], folder / "in_sequence.log"
    command = Started([sys.executable, "-m", "benchmarks.side_by_side.in_sequence", str(port), stages_url], {})
    with running(command, core=core, log=log) as process:
        _wait(f"http://{LOOPBACK}:{port}/readyz", process, log)
        yield Way("one after the other", process.pid, f"http://{LOOPBACK}:{port}/ask", SequenceCaller)


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    """Returns once it answers. Raises SystemExit with its last words when it ended or takes too long."""
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{log.stem} did not start: {log.read_text(errors='replace')[-2000:]}")
