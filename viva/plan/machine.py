"""The cores of one machine that several services share, as Linux has them shared.

A process that wakes up runs on an idle core; where none is, it stays where it ran last, whatever waits there. A process
that is made goes where the fewest are. Those on one core get equal parts of it. A core that becomes idle takes over
what waits at another, but not at once. `python -m benchmarks.cores` holds this against the cores of a real machine, and
measures how long such a takeover takes there (docs/decisions/0015).
"""

import heapq
import random
from collections import deque
from collections.abc import Sequence

from viva.plan.clock import Clock, Resume, Wait
from viva.plan.layout import SharedCores
from viva.plan.shared import Piece, Shared, cores


class Machine:
    """Its cores, and who works on them."""

    def __init__(self, clock: Clock, like: SharedCores, seed: int) -> None:
        self._clock = clock
        self._takeover_s = like.takeover_s
        self._cores = [Shared(clock, cores(1), self._look_elsewhere) for _ in range(like.count)]
        self._draw = random.Random(seed)

    def processes(self, weights: Sequence[float] = (1.0,), cpu_factor: float = 1.0) -> "Processes":
        """As many processes or threads that live on as there are weights, by which they get their parts of a core.

        Each does one thing at a time; work goes to the first that has none, and waits where all have.
        """
        return Processes(self, weights, cpu_factor)

    def made_anew(self, cpu_factor: float = 1.0) -> "Processes":
        """One is made for each piece of work."""
        return Processes(self, None, cpu_factor)

    def least_busy(self) -> Shared:
        """The core with the fewest at work; one of them by chance."""
        fewest = min(core.active for core in self._cores)
        return self._draw.choice([core for core in self._cores if core.active == fewest])

    def _look_elsewhere(self, core: Shared) -> None:
        if any(other.active > 1 for other in self._cores):
            wait_s = self._draw.expovariate(1 / self._takeover_s) if self._takeover_s else 0.0
            self._clock.after(wait_s, lambda given=core.given: self._take_over(core, given))

    def _take_over(self, core: Shared, given: int) -> None:
        if core.given != given:
            return  # it was not idle all the time
        busiest = max(self._cores, key=lambda other: other.active)
        if busiest.active > 1:
            piece = busiest.take_latest()
            piece.moved(core)
            core.give(piece)


class Processes:
    """The processes of one service on a machine; in place of a `Shared` of its own.

    All work takes `cpu_factor` times the seconds that it is said to be.
    """

    def __init__(self, machine: Machine, weights: Sequence[float] | None, cpu_factor: float) -> None:
        self._machine = machine
        self._weights = weights
        self._cpu_factor = cpu_factor
        self._idle = list(range(len(weights or ())))
        self._ran_on: list[Shared | None] = [None] * len(self._idle)
        self._waiting: deque[tuple[float, Resume]] = deque()
        self.work_done = 0.0
        """Seconds of work given out so far, before the factor."""

    def work(self, units: float) -> Wait:
        """Waits until so many seconds of work have been done."""

        def wait(resume: Resume) -> None:
            self.work_done += units
            needs_s = units * self._cpu_factor
            if self._weights is None:
                self._machine.least_busy().give(Piece(needs_s, resume))
            elif self._idle:
                number = heapq.heappop(self._idle)
                self._ran_on[number] = self._wakes_up_on(number)
                self._give(number, needs_s, resume)
            else:
                self._waiting.append((needs_s, resume))

        return wait

    def _give(self, number: int, needs_s: float, resume: Resume) -> None:
        def ended() -> None:
            if self._waiting:
                self._give(number, *self._waiting.popleft())
            else:
                heapq.heappush(self._idle, number)
            resume()

        def moved(core: Shared) -> None:
            self._ran_on[number] = core

        self._ran_on[number].give(Piece(needs_s, ended, self._weights[number], moved))

    def _wakes_up_on(self, number: int) -> Shared:
        core = self._machine.least_busy()
        return self._ran_on[number] or core if core.active else core
