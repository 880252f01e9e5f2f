"""So many at once; of those who wait, whoever's audio is needed first is next."""

import asyncio
import heapq
import itertools


class Places:
    """A semaphore whose waiters have a due time, in seconds of `time.monotonic`; equals are served in their order."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    async def take(self, due: float) -> None:
        """Waits for a place, until nobody's audio is needed sooner; `give_back` it."""
        if self._free:  # then nobody waits
            self._free -= 1
            return
        mine = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (due, next(self._order), mine))
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was handed over in the moment in which its taker left
                self.give_back()
            raise

    def give_back(self) -> None:
        """Hands the place to the next one."""
        while self._waiting:
            *_, waiter = heapq.heappop(self._waiting)
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1
