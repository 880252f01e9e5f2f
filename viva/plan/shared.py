"""Something that works for several at once and is slower for each, the more there are: cores, a model's batch."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace

from viva.plan.clock import Clock, Resume, Wait

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of work: units that are left, whom to tell when it is done, its weight beside others.

    `moved` is told when it goes on elsewhere.
    """

    units: float
    resume: Resume
    weight: float = 1.0
    moved: Callable[["Shared"], None] = lambda _: None


class Shared:
    """Work done at `rate(n)` units a second for each of the n that are being worked for, or n times that by weight.

    All progress at the same rate for their weight, so one count of work done for a weight of 1, and the count at which
    each is done, are all that has to be kept.
    """

    def __init__(
        self, clock: Clock, rate: Callable[[int], float], on_idle: Callable[["Shared"], None] = lambda _: None
    ) -> None:
        self._clock = clock
        self._on_idle = on_idle
        self._rate_of = rate
        self._rates: dict[int, float] = {}
        self._done = 0.0
        self._since = 0.0
        self._ends: list[tuple[float, int, Piece]] = []
        self._weight = 0.0
        self._timer = 0
        self._paused = 0
        self.given = 0
        """Pieces of work given out so far."""
        self.work_done = 0.0
        """Units of work given out so far: over the time it is how busy it was."""

    @property
    def active(self) -> int:
        """How many are being worked for."""
        return len(self._ends)

    def work(self, units: float) -> Wait:
        """Waits until so much has been done for the caller."""
        return lambda resume: self.give(Piece(units, resume))

    def give(self, piece: Piece) -> None:
        """Has it done."""
        self._advance()
        self.given += 1
        self.work_done += piece.units
        self._weight += piece.weight
        heapq.heappush(self._ends, (self._done + piece.units / piece.weight, self.given, piece))
        self._set_timer()

    def take_latest(self) -> Piece:
        """Gives up the piece that came last, with what is left of it, for another to do."""
        self._advance()
        latest = max(self._ends, key=lambda end: end[1])
        self._ends.remove(latest)
        heapq.heapify(self._ends)
        end, _, piece = latest
        self._weight -= piece.weight
        self._set_timer()
        return replace(piece, units=max(0.0, end - self._done) * piece.weight)

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
            self._rates[n] = self._rate_of(n) * n
        return self._rates[n] / self._weight

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
            piece = heapq.heappop(self._ends)[2]
            self._weight -= piece.weight
            ended.append(piece.resume)
        if not self._ends:
            self._weight = 0.0  # and nothing of a sum of fractions
        self._set_timer()
        for resume in ended:
            resume()
        if not self._ends:
            self._on_idle(self)


def cores(count: float) -> Callable[[int], float]:
    """Seconds of CPU that each of n processes gets in a second on so many cores."""
    return lambda n: min(1.0, count / n)
