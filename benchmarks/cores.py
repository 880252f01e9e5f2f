"""Whether the cores of this machine share work as viva/plan/machine.py has it.

    python -m benchmarks.cores [--loads 0.3 0.5 0.7] [--seconds 60] [--json OUT.json]

First how long a core that becomes idle takes until it takes over what waits at another. Then pieces of work (15 to
90 ms of CPU) come at random times to processes that live on, and the same pieces at the same times to the simulated
cores, which know of this machine nothing but that figure. Set side by side is the time from when a piece came until it
was done. The work touches no memory, so nothing is lost by switching between the pieces. Linux only.

Exit status: 0 when no mean and no 95th percentile is further off than 10 %.
"""

import argparse
import ctypes
import heapq
import json
import multiprocessing
import os
import random
import statistics
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from benchmarks.machine import this_machine
from viva.plan.clock import Clock, Process
from viva.plan.layout import SharedCores
from viva.plan.machine import Machine

MOST_OFF = 0.10
PIECES_S = (0.015, 0.025, 0.040, 0.060, 0.090)
PROCESSES_PER_CORE = 20
TAKEOVERS = 60
_SETTLED_S = 0.06
_WATCHED_S = 0.1
_REPLAYS = 10
_PROCESSES = multiprocessing.get_context("fork")  # there at once, which newer defaults are not


def takeover_s(count: int = TAKEOVERS) -> float:
    """Mean time for which a core is idle while two processes share another; 0 where there is one core alone.

    What others take of the cores meanwhile, and a hypervisor, counts as idle.
    """
    if len(os.sched_getaffinity(0)) == 1:
        return 0.0
    return max(0.0, statistics.mean(_takeover_s() for _ in range(count)))


def _takeover_s() -> float:
    """One process more than cores; one that has a core to itself is ended, and nobody looks for a while.

    Whoever looked would wake up on the idle core. What the others have worked by then tells how long it stayed idle.
    """
    cores = len(os.sched_getaffinity(0))
    worked_ns = _PROCESSES.RawArray(ctypes.c_uint64, cores + 1)
    spinning = [_PROCESSES.Process(target=_spin, args=(worked_ns, n), daemon=True) for n in range(cores + 1)]
    for process in spinning:
        process.start()
    try:
        ended = None
        while ended is None:
            time.sleep(_SETTLED_S * (1 + random.random()))  # not in step with the scheduler's own clock
            where = [psutil.Process(process.pid).cpu_num() for process in spinning]
            ended = next((n for n, core in enumerate(where) if where.count(core) == 1), None)
        left = [n for n in range(cores + 1) if n != ended]
        before_ns, began = sum(worked_ns[n] for n in left), time.monotonic()
        spinning[ended].kill()
        time.sleep(_WATCHED_S)
        could_s = cores * (time.monotonic() - began)
        return could_s - (sum(worked_ns[n] for n in left) - before_ns) / 1e9
    finally:
        for process in spinning:
            process.kill()
            process.join()


def _spin(worked_ns: Sequence[int], number: int) -> None:
    while True:
        worked_ns[number] = time.process_time_ns()


@dataclass(frozen=True, slots=True)
class Load:
    """One load: seconds from a piece's arrival to its end, mean and 95th percentile."""

    share: float
    pieces: int
    measured: tuple[float, float]
    simulated: tuple[float, float]

    @property
    def off(self) -> tuple[float, float]:
        """How far the simulated ones are from the measured ones, as shares of those."""
        return tuple(s / m - 1 for s, m in zip(self.simulated, self.measured, strict=True))


def pieces(share: float, cores: int, seconds: float, seed: int) -> list[tuple[float, float]]:
    """When pieces of work come, and how long each is, in seconds, for this share of the cores."""
    draw, at_s, found = random.Random(seed), 0.0, []
    per_s = share * cores / statistics.mean(PIECES_S)
    while (at_s := at_s + draw.expovariate(per_s)) < seconds:
        found.append((at_s, draw.choice(PIECES_S)))
    return found


@contextmanager
def workers(count: int):
    """The ends of the pipes to so many processes that wait for work."""
    pipes = [_PROCESSES.Pipe() for _ in range(count)]
    processes = [_PROCESSES.Process(target=_work, args=(theirs,), daemon=True) for _, theirs in pipes]
    for process in processes:
        process.start()
    try:
        for ours, _ in pipes:
            ours.recv()  # it is up
        yield [ours for ours, _ in pipes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _work(given: Connection) -> None:
    given.send(None)
    while True:
        piece_s = given.recv()
        began = time.process_time()
        while time.process_time() - began < piece_s:
            pass
        given.send(None)


def measure(work: Sequence[tuple[float, float]], given: Sequence[Connection]) -> list[float]:
    """How long each piece took, given to the first process that is idle."""
    took_s: list[float] = []
    waiting = []
    idle, changing = list(range(len(given))), threading.Lock()

    def wait(number: int, came: float) -> None:
        given[number].recv()
        took_s.append(time.monotonic() - came)
        with changing:
            heapq.heappush(idle, number)

    began = time.monotonic()
    for at_s, piece_s in work:
        time.sleep(max(0.0, began + at_s - time.monotonic()))
        with changing:
            number = heapq.heappop(idle) if idle else None
        if number is None:
            break
        given[number].send(piece_s)
        waiting.append(threading.Thread(target=wait, args=(number, began + at_s)))
        waiting[-1].start()
    for thread in waiting:
        thread.join()
    if len(took_s) < len(work):
        raise SystemExit(f"All {len(given)} processes were busy: that is more than the cores carry.")
    return took_s


def simulate(work: Sequence[tuple[float, float]], cores: SharedCores, seed: int) -> list[float]:
    """The same on simulated cores."""
    clock, took_s = Clock(), []
    processes = Machine(clock, cores, seed).processes([1.0] * (PROCESSES_PER_CORE * cores.count))

    def piece(piece_s: float) -> Process:
        began = clock.now
        yield processes.work(piece_s)
        took_s.append(clock.now - began)

    for at_s, piece_s in work:
        clock.after(at_s, lambda s=piece_s: clock.start(piece(s)))
    clock.run()
    return took_s


def cuts(took_s: Sequence[float]) -> tuple[float, float]:
    """Mean and 95th percentile."""
    return statistics.mean(took_s), statistics.quantiles(took_s, n=20, method="inclusive")[-1]


def main() -> None:
    """Measures, simulates, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=float, nargs="+", default=[0.3, 0.5, 0.7], help="shares of the cores")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each load")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}\n")
    like = SharedCores(machine.cores, takeover_s())
    print(
        f"a core that becomes idle takes over what waits at another after {like.takeover_s * 1000:.1f} ms on average\n"
    )
    print("| Load | pieces | measured mean / p95 | simulated | off |\n|---|---|---|---|---|")
    loads = []
    with workers(PROCESSES_PER_CORE * machine.cores) as ready:
        for share in options.loads:
            work = pieces(share, machine.cores, options.seconds, seed=1)
            measured = cuts(measure(work, ready))
            simulated = cuts([s for seed in range(_REPLAYS) for s in simulate(work, like, seed)])
            loads.append(Load(share, len(work), measured, simulated))
            print(
                f"| {share:.0%} | {len(work)} | {measured[0] * 1000:.0f} / {measured[1] * 1000:.0f} ms "
                f"| {simulated[0] * 1000:.0f} / {simulated[1] * 1000:.0f} ms "
                f"| {loads[-1].off[0]:+.0%} / {loads[-1].off[1]:+.0%} |",
                flush=True,
            )
    if options.json:
        figures = {"machine": asdict(machine), "cores": asdict(like), "loads": [asdict(load) for load in loads]}
        options.json.write_text(json.dumps(figures, indent=2))
    raise SystemExit(max(abs(off) for load in loads for off in load.off) > MOST_OFF)


if __name__ == "__main__":
    main()
