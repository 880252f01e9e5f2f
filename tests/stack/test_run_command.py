"""`viva run` as a process: what it prints, and that nothing of it stays behind however it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from viva.client import VivaClient
from viva.stack.ports import LOOPBACK, free_ports

PATIENCE_S = 120.0
QUESTION = "Who made the first integrated circuit?"


@dataclass(frozen=True, slots=True)
class Running:
    """A `viva run` that is up, and the file that it prints into."""

    process: subprocess.Popen[bytes]
    url: str
    output: Path

    @property
    def printed(self) -> str:
        """Everything that it has printed."""
        return self.output.read_text(encoding="utf-8")

    def end(self) -> tuple[int, str]:
        """Waits for the end; the exit status and everything that it printed."""
        return self.process.wait(PATIENCE_S), self.printed


@pytest.fixture(autouse=True)
def _hangups_are_heard() -> Iterator[None]:
    """Also where the tests run under nohup, which everything that they start would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before or signal.SIG_DFL)


@pytest.fixture
def viva_run(tmp_path: Path, family) -> Callable:
    """Starts `viva run` on a free port with its data in `tmp_path`, and waits until it says that it is up."""

    @contextmanager
    def running(**environ: str) -> Iterator[Running]:
        (port,) = free_ports(1)
        output = tmp_path / "printed.txt"
        with output.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "viva.cli", "run"],
                env={**family.environ, "VIVA_DATA_DIR": str(tmp_path / "data"), "VIVA_PORT": str(port), **environ},
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        up = Running(process, f"http://{LOOPBACK}:{port}", output)
        try:
            wait_until(lambda: "Ctrl-C stops everything." in up.printed or process.poll() is not None)
            assert process.poll() is None, up.printed
            yield up
        finally:
            process.kill()
            process.wait()

    return running


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_ends_everything_without_a_traceback(viva_run, family, number):
    """Ctrl-C, SIGTERM and a closed terminal: status 0, one closing line, no process left, Redis included."""
    with viva_run() as up:
        assert len(family.members()) >= 7  # launcher, guard, redis, four services
        assert any("redis-server" in process.name() for process in family.members())
        os.killpg(up.process.pid, number)
        status, printed = up.end()
    assert status == 0
    assert printed.endswith("Everything has stopped.\n")
    assert "Traceback" not in printed
    assert "\x1b" not in printed
    wait_until(lambda: family.members() == [])


def test_kill_minus_nine_leaves_nothing_behind(viva_run, family):
    """The launcher cannot clean up after SIGKILL: its guard does."""
    with viva_run() as up:
        assert any("redis-server" in process.name() for process in family.members())
        up.process.kill()
        up.end()
        wait_until(lambda: family.members() == [])


def test_it_prints_a_line_for_each_part_and_one_to_copy(viva_run):
    """Every part with what it runs on, the page, and a command that asks a question."""
    with viva_run() as up:
        os.killpg(up.process.pid, signal.SIGINT)
        _, printed = up.end()
    for part, runs_on in (
        ("asr", "moonshine"),
        ("llm", "extractive"),
        ("tts", "flite"),
        ("orchestrator", up.url),
    ):
        assert re.search(rf"✓ {part} .*{re.escape(runs_on)}", printed)
    assert f"Page: {up.url} " in printed
    assert re.search(r"viva ask --lecture sample --text \".+\?\"", printed)


def test_a_named_part_that_is_away_is_told(viva_run):
    """The stack runs without it, which nobody should find out by a question."""
    (port,) = free_ports(1)
    with viva_run(VIVA_REDIS_URL=f"redis://:secret@{LOOPBACK}:{port}/0") as up:
        assert f"Nobody answers at {LOOPBACK}:{port}, which VIVA_REDIS_URL names: until then" in up.printed
        assert "secret" not in up.printed


def test_a_killed_part_is_reported_and_started_again(viva_run, family):
    """The death is printed with its signal, and the part is ready again on its old address."""
    with viva_run() as up, VivaClient(up.url) as client:
        (llm,) = [process for process in family.members() if process.cmdline()[-1:] == ["viva_llm"]]
        llm.kill()
        wait_until(lambda: "llm was killed (SIGKILL) and is started again" in up.printed)
        wait_until(lambda: client.status()["stages"]["llm"].get("engine") == "extractive")


def test_lectures_and_history_outlive_a_restart(viva_run, spoken):
    """What was there before Ctrl-C is there after the next `viva run` in the same folder."""
    with viva_run() as up, VivaClient(up.url) as client:
        *_, lecture = client.follow(client.upload(spoken.lecture).lecture_id)
        *_, done = client.ask(None, lecture.lecture_id, QUESTION)
        os.killpg(up.process.pid, signal.SIGINT)
        up.end()
    with viva_run() as up, VivaClient(up.url) as client:
        assert client.lecture(lecture.lecture_id).segments == lecture.segments
        (kept,) = client.session(done.session_id).turns
        assert (kept["turn_id"], kept["answer"]) == (done.turn_id, done.answer)


def refused(environ: dict[str, str], *command: str) -> tuple[int, str]:
    """The exit status and stderr of a `viva` command that ends by itself."""
    # Some other Viva may be on the usual port.
    (port,) = free_ports(1)
    done = subprocess.run(
        [sys.executable, "-m", "viva.cli", *command],
        env={"VIVA_PORT": str(port), **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_busy_port_is_a_sentence(family, tmp_path):
    """The port is named, another one suggested, and nothing is started."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        environ = {**family.environ, "VIVA_PORT": str(port), "VIVA_DATA_DIR": str(tmp_path)}
        status, message = refused(environ, "run")
    assert status == 1
    assert f"Port {port} is already in use" in message
    assert family.members() == []


def test_an_engine_that_cannot_start_is_told_in_its_own_words(family, tmp_path):
    """First the sentence that the service has for it, with its code, then the path of its log; no raw line of that."""
    environ = {**family.environ, "VIVA_DATA_DIR": str(tmp_path), "VIVA_ASR_ENGINE": "whisper"}
    status, message = refused({**environ, "VIVA_MODELS_DIR": str(tmp_path / "none")}, "run")
    first, *rest = message.splitlines()
    assert status == 1
    assert first.startswith("✗ asr cannot start. The asr engine 'whisper' found no model")
    assert first.endswith("[engine_unavailable]")
    assert [line.strip() for line in rest] == [f"Its log: {tmp_path / 'logs' / 'asr.log'}"]
    assert family.members() == []


def test_an_unknown_variable_is_a_sentence(family, tmp_path):
    """A misspelt variable stops the start with a did-you-mean."""
    status, message = refused({**family.environ, "VIVA_DATA_DIR": str(tmp_path), "VIVA_LOG_LEVL": "debug"}, "run")
    assert status == 2
    assert "did you mean VIVA_LOG_LEVEL?" in message


def test_a_wrong_value_is_a_sentence_before_anything_starts(family, tmp_path):
    """The variable, the value and what it should be are named."""
    environ = {**family.environ, "VIVA_DATA_DIR": str(tmp_path), "VIVA_ASR_ENGINE": "whispr"}
    status, message = refused(environ, "run")
    assert status == 2
    assert "VIVA_ASR_ENGINE is wrong: 'whispr' should be" in message
    assert family.members() == []
