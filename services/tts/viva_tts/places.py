"""So many at once; of those who wait, whoever's audio is needed first is next."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """A semaphore whose waiters have a due time, in seconds of `time.monotonic`; equals are served in their order."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def taken(self, due: float) -> AsyncIterator[None]:
        """A place, once there is one and nobody's audio is needed sooner."""
        await self._take(due)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, due: float) -> None:
        if self._free:  # then nobody waits
            self._free -= 1
            return
        mine = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (due, next(self._order), mine))
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was handed over in the moment in which its taker left
                self._give_back()
            raise

    def _give_back(self) -> None:
        while self._waiting:
            *_, waiter = heapq.heappop(self._waiting)
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1
