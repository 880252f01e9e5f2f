"""The time of a simulation, and the processes that live in it.

A process is a generator. It yields seconds to wait, or anything else that it waits for: a function that is given what
to call when the wait is over.
"""

import heapq
from collections.abc import Callable, Generator

Resume = Callable[[], None]
Wait = float | Callable[[Resume], None]
Process = Generator[Wait, None, None]


class Clock:
    """Runs processes in the order of their events; those of one moment in the order in which they were set."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Resume]] = []
        self._set = 0

    def after(self, seconds: float, call: Resume) -> None:
        """Calls it that much later."""
        self._set += 1
        heapq.heappush(self._due, (self.now + seconds, self._set, call))

    def start(self, process: Process, then: Resume | None = None) -> None:
        """Runs a process now, up to its first wait; `then` is called at its end."""

        def resume() -> None:
            for wait in process:
                if isinstance(wait, float):
                    self._set += 1
                    heapq.heappush(self._due, (self.now + wait, self._set, resume))
                else:
                    wait(resume)
                return
            if then is not None:
                then()

        resume()

    def together(self, *processes: Process) -> Wait:
        """Waits for the end of all of them."""

        def wait(resume: Resume) -> None:
            left = len(processes)

            def ended() -> None:
                nonlocal left
                left -= 1
                if not left:
                    resume()

            for process in processes:
                self.start(process, ended)

        return wait

    def run(self) -> None:
        """Until nothing is due any more."""
        due = self._due
        while due:
            self.now, _, call = heapq.heappop(due)
            call()
