"""Starting and ending the parts of a stack, with small programs in the place of the services."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from viva.stack.part import Part, RunningPart
from viva.stack.stack import PartFailed, Stack, why_it_ended
from viva.stack.supervisor import Supervisor

PATIENCE_S = 20.0
BECOME_READY = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); print('here I am', flush=True)"
STAY = f"{BECOME_READY}; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAY}"
WITH_CHILD = f"import subprocess; subprocess.Popen(['sleep', '600']); {STAY}"
DIE = "import sys; print('no such model'); sys.exit(3)"


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Part]:
    """Makes a part out of Python code, ready when its file is there."""

    def make(name: str, code: str) -> Part:
        mark = tmp_path / f"{name}.ready"
        command = [sys.executable, "-I", "-S", "-c", code, str(mark)]
        return Part(name, command, dict(os.environ), "", mark.exists, starts_first=name == "redis")

    return make


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def group_members(group: int) -> list[int]:
    return [
        process.pid for process in psutil.process_iter() if is_running(process.pid) and _group_of(process.pid) == group
    ]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def test_the_first_part_is_ready_before_the_others_start(program, tmp_path):
    """Redis comes first: what needs it does not start before it answers."""
    order: list[str] = []
    watch = f"import pathlib; assert pathlib.Path({str(tmp_path / 'redis.ready')!r}).exists(); {STAY}"
    with Stack([program("redis", STAY), program("asr", watch), program("tts", watch)], tmp_path / "logs") as stack:
        stack.start(PATIENCE_S, lambda part: order.append(part.name))
        assert order[0] == "redis"
        assert sorted(order) == ["asr", "redis", "tts"]
        assert stack.died() == []
        assert stack["asr"].last_lines(1) == ["here I am"]


@pytest.mark.parametrize("code", [STAY, STUBBORN, WITH_CHILD], ids=["obedient", "deaf to SIGTERM", "with a child"])
def test_leaving_the_stack_ends_every_process(program, tmp_path, code):
    """Neither a part that ignores SIGTERM nor the child of a part outlives the stack, nor does the guard."""
    with Stack([program("redis", STAY), program("asr", code)], tmp_path / "logs") as stack:
        stack.start(PATIENCE_S)
        groups = [part.pid for part in stack.parts]
        guard = stack._guard.pid
        assert all(group_members(group) for group in groups)
        stack.stop(grace_s=0.5)
    assert [group_members(group) for group in groups] == [[], []]
    assert not is_running(guard)


def test_a_part_that_dies_while_starting_is_reported_with_its_log(program, tmp_path):
    """The error names the part, how it ended and what it printed last; the others are ended."""
    with (
        pytest.raises(PartFailed, match=r"(?s)llm ended with status 3.*no such model"),
        Stack([program("redis", STAY), program("llm", DIE)], tmp_path / "logs") as stack,
    ):
        stack.start(PATIENCE_S)
    assert group_members(stack["redis"].pid) == []


SAY_WHY = "import sys; print('cannot start code=no_model reason=\\'No model is here.\\' service=llm'); sys.exit(3)"


def test_a_part_that_says_why_it_cannot_start_is_quoted(program, tmp_path):
    """Its sentence and code are the error's, with the path of the log instead of its lines."""
    with (
        pytest.raises(PartFailed) as failed,
        Stack([program("llm", SAY_WHY)], tmp_path / "logs") as stack,
    ):
        stack.start(PATIENCE_S)
    log = tmp_path / "logs" / "llm.log"
    assert failed.value.code == "no_model"
    assert failed.value.message == f"llm cannot start. No model is here.\n    Its log: {log}"
    assert why_it_ended(stack["llm"]) == f" It says: No model is here. ({log})"


def test_a_part_that_never_becomes_ready_is_named(program, tmp_path):
    """Waiting ends at the time limit with the name of what was waited for."""
    with (
        pytest.raises(PartFailed, match="tts did not become ready in time"),
        Stack([program("redis", STAY), program("tts", "import time; time.sleep(600)")], tmp_path / "logs") as stack,
    ):
        stack.start(0.8)


@pytest.fixture
def launcher(tmp_path) -> Iterator[tuple[subprocess.Popen, list[int], int]]:
    """A process that has started a stack: the process, the groups of its parts, and its guard."""
    script = tmp_path / "launcher.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, pathlib, sys, time
        from viva.stack.part import Part
        from viva.stack.stack import Stack
        folder = pathlib.Path({str(tmp_path)!r})
        def part(name, code):
            mark = folder / name
            return Part(name, [sys.executable, "-I", "-S", "-c", code, str(mark)], dict(os.environ), "", mark.exists)
        with Stack([part("redis", {STAY!r}), part("asr", {WITH_CHILD!r})], folder / "logs") as stack:
            stack.start({PATIENCE_S})
            print(*[part.pid for part in stack.parts], stack._guard.pid, flush=True)
            time.sleep(600)
        """)
    )
    launcher = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    *groups, guard = (int(word) for word in launcher.stdout.readline().split())
    yield launcher, groups, guard
    launcher.kill()
    launcher.communicate()


def test_a_launcher_that_is_killed_leaves_nothing_behind(launcher):
    """kill -9 of the launcher ends every part and the children of the parts, Redis's stand-in included."""
    process, groups, guard = launcher
    assert len(group_members(groups[1])) == 2
    process.kill()
    wait_until(lambda: not any(group_members(group) for group in groups))
    wait_until(lambda: not is_running(guard))


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv, which Linux distributions have")
def test_a_launcher_that_is_killed_together_with_its_guard_takes_the_parts_along(launcher):
    """Without a guard the system itself ends the parts."""
    process, groups, guard = launcher
    os.kill(guard, signal.SIGKILL)
    process.kill()
    wait_until(lambda: not any(is_running(group) for group in groups))
    for group in groups:
        with contextlib.suppress(ProcessLookupError):  # the child of a part, which in a service ends by itself
            os.killpg(group, signal.SIGKILL)


def test_a_part_that_dies_is_started_again_and_said(program, tmp_path):
    """The supervisor reports the death with its signal, starts the part anew and reports it ready."""
    said: list[str] = []
    ready: list[str] = []
    with Stack([program("redis", STAY), program("asr", WITH_CHILD)], tmp_path / "logs") as stack:
        stack.start(PATIENCE_S)
        supervisor = Supervisor(stack, on_death=said.append, on_ready=lambda part: ready.append(part.name))
        first = stack["asr"].pid
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: stack["asr"].has_died)
        supervisor.step()
        assert said[0].startswith("asr was killed (SIGKILL) and is started again.")
        assert group_members(first) == []
        wait_until(lambda: supervisor.step() or bool(ready))
        assert ready == ["asr"]
        assert stack["asr"].pid != first
        assert stack["redis"].starts == 1


def test_a_part_that_keeps_dying_stops_everything(program, tmp_path):
    """After the deaths allowed within the time the supervisor gives up, with the log's end."""
    with Stack([program("redis", STAY), program("llm", STAY)], tmp_path / "logs") as stack:
        stack.start(PATIENCE_S)
        supervisor = Supervisor(stack, on_death=lambda _text: None, on_ready=lambda _part: None, deaths_allowed=1)

        def die() -> None:
            os.kill(stack["llm"].pid, signal.SIGKILL)
            wait_until(lambda: stack["llm"].has_died)
            supervisor.step()

        die()
        with pytest.raises(PartFailed, match=r"llm was killed \(SIGKILL\), 2 times within 60 s"):
            die()


def test_deaths_long_ago_are_forgiven(program, tmp_path):
    """Only the deaths within the time count towards giving up."""
    now = [0.0]
    with Stack([program("redis", STAY), program("llm", STAY)], tmp_path / "logs") as stack:
        stack.start(PATIENCE_S)
        supervisor = Supervisor(
            stack,
            on_death=lambda _text: None,
            on_ready=lambda _part: None,
            deaths_allowed=1,
            clock=lambda: now[0],
        )
        for _ in range(3):
            os.kill(stack["llm"].pid, signal.SIGKILL)
            wait_until(lambda: stack["llm"].has_died)
            supervisor.step()
            now[0] += 61
        assert stack["llm"].starts == 4


def test_a_part_that_was_never_started_has_not_died(program, tmp_path):
    """Stopping a stack that was not started is quiet."""
    part = RunningPart(program("asr", STAY), tmp_path / "asr.log")
    assert not part.has_died
    part.kill_group()
    assert part.wait(0)
