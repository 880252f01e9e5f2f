"""Places of which a stage has so many: who finds none free waits until it is his turn."""

import heapq

from viva.plan.clock import Clock, Resume, Wait


class Places:
    """`count` places, None for no end of them. Who waits is served in the order of `due`, equals as they came."""

    def __init__(self, clock: Clock, count: int | None) -> None:
        self._clock = clock
        self._free = count
        self._waiting: list[tuple[float, int, Resume]] = []
        self._number = 0
        self.taken = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self, due: float = 0.0) -> Wait:
        """Waits for a place, which is needed at `due`, in seconds of the clock."""

        def wait(resume: Resume) -> None:
            if self._free is None or self.taken < self._free:
                self.taken += 1
                resume()
            else:
                self._number += 1
                heapq.heappush(self._waiting, (due, self._number, resume))

        return wait

    def give_back(self) -> None:
        """Hands the place to the next who waits."""
        if self._waiting:
            heapq.heappop(self._waiting)[-1]()
        else:
            self.taken -= 1
