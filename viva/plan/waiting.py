"""Places of which a stage has so many: who finds none free waits for the first that is, in order."""

from collections import deque

from viva.plan.clock import Clock, Resume, Wait


class Places:
    """`count` places, None for no end of them; how long each caller waited is kept, in seconds."""

    def __init__(self, clock: Clock, count: int | None) -> None:
        self._clock = clock
        self._free = count
        self._waiting: deque[tuple[float, Resume]] = deque()
        self.taken = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> Wait:
        """Waits for a place."""

        def wait(resume: Resume) -> None:
            if self._free is None or self.taken < self._free:
                self.taken += 1
                resume()
            else:
                self._waiting.append((self._clock.now, resume))

        return wait

    def give_back(self) -> None:
        """Hands the place to the first who waits."""
        if self._waiting:
            self._waiting.popleft()[1]()
        else:
            self.taken -= 1
