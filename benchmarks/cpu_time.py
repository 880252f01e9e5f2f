"""Who used the processors between two moments. All times in seconds of CPU."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class CPUTime:
    """What had been used at one moment, or between two: by each of the named, and by everybody on the machine."""

    at_s: float
    named: dict[str, float]
    everybody: float

    def __sub__(self, earlier: "CPUTime") -> "CPUTime":
        named = {name: used - earlier.named[name] for name, used in self.named.items()}
        return CPUTime(self.at_s - earlier.at_s, named, self.everybody - earlier.everybody)

    def share_of_others(self) -> float:
        """The part of the machine that went to processes that are not named, 0 to 1."""
        others = self.everybody - sum(self.named.values())
        return max(0.0, others / (self.at_s * (psutil.cpu_count() or 1)))


def cpu_time(named: dict[str, Iterable[int]]) -> CPUTime:
    """The CPU that each name's processes have used until now, with all their children; this one without them."""
    times = psutil.cpu_times()
    everybody = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
    used = {name: sum(map(_tree_s, pids)) for name, pids in named.items()}
    return CPUTime(time.monotonic(), used, everybody)


def _tree_s(pid: int) -> float:
    process = psutil.Process(pid)
    total = 0.0
    # What we started ourselves is counted by its own name.
    children = [] if pid == os.getpid() else process.children(recursive=True)
    for each in [process, *children]:
        with suppress(psutil.NoSuchProcess):
            used = each.cpu_times()
            total += used.user + used.system
    return total
