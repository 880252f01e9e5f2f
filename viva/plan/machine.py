"""The cores of one machine that several services share, as Linux has them shared.

A process that wakes up runs on an idle core; where none is, it stays where it ran last, whatever waits there. A process
that is made goes where the fewest are. Those on one core get equal parts of it. What waits at one core is not moved to
another that becomes idle (docs/decisions/0015). So processes made for each piece of work, as voices can be, fare better
than those that live on.
"""

import random

from viva.plan.clock import Clock, Resume, Wait
from viva.plan.shared import Shared, cores


class Machine:
    """`count` cores."""

    def __init__(self, clock: Clock, count: int, seed: int) -> None:
        self._cores = [Shared(clock, cores(1)) for _ in range(count)]
        self._draw = random.Random(seed)
        self.work_done = 0.0
        """Seconds of work given out so far."""

    def processes(self, count: int | None) -> "Processes":
        """So many that live on, each at work whenever its turn comes; None: one is made for each piece of work."""
        return Processes(self, count)

    def run(self, seconds: float, core: Shared, resume: Resume) -> None:
        """Has a core do so much work."""
        self.work_done += seconds
        core.work(seconds)(resume)

    def least_busy(self) -> Shared:
        """The core with the fewest at work; one of them by chance."""
        fewest = min(core.active for core in self._cores)
        return self._draw.choice([core for core in self._cores if core.active == fewest])


class Processes:
    """The processes of one service on a machine; in place of a `Shared` of its own."""

    def __init__(self, machine: Machine, count: int | None) -> None:
        self._machine = machine
        self._ran_on: list[Shared | None] | None = None if count is None else [None] * count
        self._next = 0

    @property
    def work_done(self) -> float:
        """Seconds of work that the whole machine was given."""
        return self._machine.work_done

    def work(self, units: float) -> Wait:
        """Waits until so many seconds of work have been done."""

        def wait(resume: Resume) -> None:
            core = self._machine.least_busy()
            if self._ran_on is not None:
                self._next = (self._next + 1) % len(self._ran_on)
                if core.active:
                    core = self._ran_on[self._next] or core
                self._ran_on[self._next] = core
            self._machine.run(units, core, resume)

        return wait
