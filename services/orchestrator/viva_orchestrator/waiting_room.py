"""How many questions may wait for the first words of their answers: learned from how long they waited.

Where more questions come than the stages can carry, somebody has to wait, and everybody would. Here nobody knows what
the stages can carry; but as many as wait at once, divided by how many are answered in a second, is how long each waits
(Little's law). So the limit is moved until waiting takes `tolerance` times as long as when hardly anybody asks. What
exceeds it is refused at once. Only the wait for the first words is limited: it is short, so that the limit follows
within seconds, and an answer that is already heard disturbs others within two seconds (decision 0016), which is seen
here as well.
See docs/decisions/0017-overload.md.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from statistics import fmean, pstdev

from viva.errors import Overloaded

START = 16
LEAST = 2
QUIET_SAMPLES = 64
"""How many of the last undisturbed waits say what is normal."""
LEARN_AGAIN_S = 30.0
"""At the least limit for so long, the next waits are taken for normal: the stages may have become slower."""
ANEW_SAMPLES = 8
"""So many of them."""
UNDISTURBED_S = 30.0
"""So long after a refusal no wait is normal: where many replicas share the stages, a room may be quiet amid a queue."""
LONGEST_RETRY_S = 30.0
UNHEARD_S = 0.1
"""So much longer than that is never too long: where all of it takes that, a little company is no queue."""
FAR_TOO_LONG = 2.0
"""Waits that take so many times as long as they may lower the limit even where it is not reached: the queue in the
stages is that of other replicas."""


class Wait:
    """One question that waits; `heard` or `left` ends it, whichever comes first."""

    def __init__(self, room: "WaitingRoom", kind: Hashable, *, quiet: bool) -> None:
        self._room: WaitingRoom | None = room
        self.kind = kind
        self.quiet = quiet
        """Whether hardly anybody else was waiting when it came."""

    def heard(self, took_s: float) -> None:
        """The first words were there after so many seconds."""
        if (room := self._room) is not None:
            self._room = None
            room.heard(self, took_s)

    def left(self) -> None:
        """It ended without any."""
        if (room := self._room) is not None:
            self._room = None
            room.left()


class _Normal:
    """How long one kind of question waits when hardly anybody asks."""

    def __init__(self) -> None:
        self._quiet: deque[float] = deque(maxlen=QUIET_SAMPLES)
        self._least_s = float("inf")
        self.seconds = 0.0
        self.spread_s = 0.0

    @property
    def known(self) -> bool:
        """Whether it was measured often enough to say that others wait too long."""
        return len(self._quiet) == QUIET_SAMPLES

    def learn(self, took_s: float, *, quiet: bool) -> None:
        """Until there was quiet, the shortest wait counts. The mean, since means are what is held against it."""
        self._least_s = min(self._least_s, took_s)
        if quiet:
            self._quiet.append(took_s)
            self.spread_s = pstdev(self._quiet)
        self.seconds = max(fmean(self._quiet) if self._quiet else self._least_s, 1e-3)


class WaitingRoom:
    """Counts who waits. `tolerance` 0 switches the learning off, and `most` is then the limit."""

    def __init__(self, *, tolerance: float, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._tolerance = tolerance
        self._most = most
        self._now = now
        self._limit = float(min(START, most) if tolerance else most)
        self._normal: dict[Hashable, _Normal] = {}
        self._slowness = 0.5  # the last waits, in units of the longest that they should take
        self._least_since = now()
        self._anew = 0  # so many waits are still taken for normal, whoever else waits
        self._refused_at = -UNDISTURBED_S + now()
        self._refused_share = 0.0  # of the last questions
        self.waiting = 0

    @property
    def limit(self) -> int:
        """How many may wait now."""
        return int(self._limit)

    @property
    def full(self) -> bool:
        """Whether the next one would be refused."""
        return self.waiting >= self.limit

    def enter(self, kind: Hashable) -> Wait:
        """Lets a question in. Those of one `kind` take about as long as each other. Raises Overloaded."""
        self.require_room()
        self._refused_share *= 0.95
        self.waiting += 1
        return Wait(self, kind, quiet=self.waiting <= max(1, self.limit // 8))

    def require_room(self) -> None:
        """Raises Overloaded when nobody else is let in."""
        if not self.full:
            return
        self._refused_at = self._now()
        self._refused_share += 0.05 * (1 - self._refused_share)
        # Where two of three are refused, each should come back three times as late.
        patience_s = 1 / max(1 - self._refused_share, 0.01)
        raise Overloaded(
            "Too many questions are being answered right now; ask again in a moment.",
            retry_after_s=min(patience_s, LONGEST_RETRY_S),
        )

    def heard(self, wait: Wait, took_s: float) -> None:
        """Learns from one wait that is over."""
        pressed = self.waiting >= self.limit - 1
        self.waiting -= 1
        if not self._tolerance:
            return
        now = self._now()
        if self._limit <= LEAST and now - self._least_since > LEARN_AGAIN_S:
            self._normal.clear()
            self._slowness, self._anew, self._least_since = 0.5, ANEW_SAMPLES, now
        undisturbed = wait.quiet and now - self._refused_at >= UNDISTURBED_S
        normal = self._normal.setdefault(wait.kind, _Normal())
        normal.learn(took_s, quiet=undisturbed or self._anew > 0)
        self._anew = max(self._anew - 1, 0)
        if wait.quiet:
            return
        # About one limit's worth of waits counts, since so many were let in before the last change was felt.
        counts = max(self._limit / 2, 4)
        chance_s = normal.spread_s / math.sqrt(2 * counts)  # by which a mean of so few differs from another
        slowness = took_s / (self._tolerance * normal.seconds + UNHEARD_S + chance_s)
        self._slowness += (slowness - self._slowness) / counts
        # A rush that does not fill the room passes by itself.
        if pressed or (normal.known and self._slowness > FAR_TOO_LONG):
            self._move(self._limit + min(1 / self._slowness - 1, 0.5))

    def left(self) -> None:
        """Somebody waits no more; nothing is learned from it."""
        self.waiting -= 1

    def _move(self, limit: float) -> None:
        if self._limit > LEAST >= limit:
            self._least_since = self._now()
        self._limit = min(max(limit, LEAST), self._most)
