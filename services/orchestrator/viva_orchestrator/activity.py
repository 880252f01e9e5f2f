"""Which sessions are in use now, by what this replica sees of them."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A session without a turn for so long counts as left, unless a connection holds it.
RECENT_S = 300.0


class Activity:
    """Counts sessions; what it holds is bounded by the turns of five minutes and the open connections."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: OrderedDict[str, float] = OrderedDict()  # by the time of the last turn, oldest first
        self._held: Counter[str] = Counter()

    def turn(self, session_id: str) -> None:
        """A question was asked in this session."""
        self._last[session_id] = self._clock()
        self._last.move_to_end(session_id)
        self._forget()

    @contextmanager
    def connected(self, session_id: str) -> Iterator[None]:
        """A connection of this session is open as long as the context lasts."""
        self._held[session_id] += 1
        try:
            yield
        finally:
            self._held[session_id] -= 1
            if not self._held[session_id]:
                del self._held[session_id]

    def sessions(self) -> int:
        """How many are in use."""
        self._forget()
        return len(self._last.keys() | self._held.keys())

    def _forget(self) -> None:
        oldest = self._clock() - RECENT_S
        while self._last and next(iter(self._last.values())) < oldest:
            self._last.popitem(last=False)
