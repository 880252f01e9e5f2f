"""How much of the machine is ours."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # where a container sees its own limit (cgroup v2)


def usable_cores(quota: Path = _QUOTA) -> int:
    """How many cores this process can keep busy: those it may run on, but no more than its container's limit.

    A container that is limited to 2 cores still sees the 64 of its node, and 64 threads would be stopped most of the
    time. Half a core counts as one. `quota` has microseconds of each period, or "max", and the period.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return min(affinity, max(1, math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError):  # no container, no limit ("max"), or another system
        return affinity
