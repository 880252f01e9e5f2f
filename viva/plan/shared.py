"""Something that works for several at once and is slower for each, the more there are: cores, a model's batch."""

import heapq
from collections.abc import Callable

from viva.plan.clock import Clock, Resume, Wait

_NOTHING = 1e-12


class Shared:
    """Work done at `rate(n)` units a second for each of the n that are being worked for.

    All progress at the same rate, so one count of work done per head, and the count at which each is done, are all
    that has to be kept.
    """

    def __init__(self, clock: Clock, rate: Callable[[int], float]) -> None:
        self._clock = clock
        self._rate_of = rate
        self._rates: dict[int, float] = {}
        self._done = 0.0
        self._since = 0.0
        self._ends: list[tuple[float, int, Resume]] = []
        self._number = 0
        self._timer = 0
        self._paused = 0
        self.work_done = 0.0
        """Units of work given out so far: over the time it is how busy it was."""

    @property
    def active(self) -> int:
        """How many are being worked for."""
        return len(self._ends)

    def work(self, units: float) -> Wait:
        """Waits until so much has been done for the caller."""

        def wait(resume: Resume) -> None:
            self._advance()
            self._number += 1
            self.work_done += units
            heapq.heappush(self._ends, (self._done + units, self._number, resume))
            self._set_timer()

        return wait

    def pause(self) -> None:
        """Stops for everybody, until `go_on` was called as often."""
        self._advance()
        self._paused += 1
        self._set_timer()

    def go_on(self) -> None:
        """Ends a pause."""
        self._advance()
        self._paused -= 1
        self._set_timer()

    def _rate(self) -> float:
        n = len(self._ends)
        if n not in self._rates:
            self._rates[n] = self._rate_of(n)
        return self._rates[n]

    def _advance(self) -> None:
        now = self._clock.now
        if self._ends and not self._paused:
            self._done += (now - self._since) * self._rate()
        self._since = now

    def _set_timer(self) -> None:
        self._timer += 1  # those set before are void
        if not self._ends or self._paused:
            return
        timer = self._timer
        left_s = max(0.0, self._ends[0][0] - self._done) / self._rate()
        self._clock.after(left_s, lambda: self._ring(timer))

    def _ring(self, timer: int) -> None:
        if timer != self._timer:
            return
        self._advance()
        self._done = max(self._done, self._ends[0][0])
        ended = []
        while self._ends and self._ends[0][0] <= self._done + _NOTHING:
            ended.append(heapq.heappop(self._ends)[2])
        self._set_timer()
        for resume in ended:
            resume()


def cores(count: float) -> Callable[[int], float]:
    """Seconds of CPU that each of n processes gets in a second on so many cores."""
    return lambda n: min(1.0, count / n)
