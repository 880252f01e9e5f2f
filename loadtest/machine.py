"""What a measurement ran on, so that its figures can be compared with others."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Machine:
    """A computer and how busy it was already."""

    processor: str
    cores: int  # that this process may use
    memory_gib: float
    system: str
    python: str
    load: float  # processes running on average over the last minute, before the measurement

    def __str__(self) -> str:
        busy = "" if self.load < 0.5 else f"; {self.load:.1f} processes were running already: figures are too low"
        has = f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB"
        return f"{has}, {self.system}, Python {self.python}{busy}"


def this_machine() -> Machine:
    """The machine as it is now."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        processor=_processor(),
        cores=usable,
        memory_gib=psutil.virtual_memory().total / 2**30,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        load=psutil.getloadavg()[0],
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
