"""Memory of a process and all of its children, sampled while something runs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SAMPLE_EVERY_S = 0.5  # to sum up the pages of processes this large takes the system tens of milliseconds


@dataclass(slots=True)
class Peak:
    """The largest sum that was seen so far."""

    bytes: int = 0


def memory_of_tree(pid: int) -> int:
    """Bytes held by a process and its descendants. Where the system can tell, shared pages are counted once."""
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_held(process) for process in processes)


def cpu_of_tree(pid: int) -> float:
    """Processor seconds used by a process, its descendants, and those of its children that have ended."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """The peak of the tree while the block runs."""
    peak = Peak(memory_of_tree(pid))
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_EVERY_S):
            peak.bytes = max(peak.bytes, memory_of_tree(pid))

    sampler = threading.Thread(target=sample, name="memory")
    sampler.start()
    try:
        yield peak
    finally:
        stop.set()
        sampler.join()


def settled(pid: int, *, within_s: float = 15.0) -> int:
    """Bytes of the tree once they stop moving by more than a hundredth within a second: a service that is idle."""
    give_up_at = time.monotonic() + within_s
    before = memory_of_tree(pid)
    while time.monotonic() < give_up_at:
        time.sleep(1.0)
        now = memory_of_tree(pid)
        if abs(now - before) <= before / 100:
            return now
        before = now
    return before


def _held(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return getattr(full, "pss", None) or full.rss
    except psutil.AccessDenied:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
