"""Memory of a process tree, as the benchmarks watch it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.memory import cpu_of_tree, memory_of_tree, watched

HELD = 60_000_000
# The parent says that it is there, and on a line from us starts a child that holds memory; on another it ends.
PARENT = f"""
import subprocess, sys
print("up", flush=True)
sys.stdin.readline()
child = subprocess.Popen([sys.executable, "-c", "held = b'x' * {HELD}; print('held', flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print("child", flush=True)
sys.stdin.readline()
child.communicate(b"\\n")
print("freed", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def step(process: subprocess.Popen) -> None:
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline()


def test_children_are_counted(parent: subprocess.Popen):
    """What a child holds is part of the sum while it lives."""
    before = memory_of_tree(parent.pid)
    step(parent)
    during = memory_of_tree(parent.pid)
    step(parent)

    assert during - before > HELD
    assert memory_of_tree(parent.pid) - before < HELD / 2


def test_the_peak_outlives_the_child(parent: subprocess.Popen):
    """The peak remembers a child that has ended since, seen between two samples at the latest."""
    before = memory_of_tree(parent.pid)
    step(parent)
    with watched(parent.pid) as peak:
        step(parent)

    assert peak.bytes - before > HELD


def test_processor_time_of_ended_children_counts(parent: subprocess.Popen):
    """The seconds of a child stay in the sum after it has ended."""
    step(parent)
    with_child = cpu_of_tree(parent.pid)
    step(parent)

    assert cpu_of_tree(parent.pid) >= with_child > 0


def test_a_process_that_is_gone_holds_nothing(parent: subprocess.Popen):
    """Sampling may be a moment late."""
    parent.kill()
    parent.wait()

    assert memory_of_tree(parent.pid) == 0
