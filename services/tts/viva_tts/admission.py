"""A bound on requests under way: past it a request is refused at once, so that the admitted keep their speed."""

from collections.abc import Iterator
from contextlib import contextmanager

from viva.errors import Overloaded

from .metrics import TTSMetrics


class Admission:
    """Counts places; nobody waits for one."""

    def __init__(self, max_active: int, metrics: TTSMetrics) -> None:
        self.max_active = max_active
        self.active = 0
        self._metrics = metrics

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place as long as the context lasts. Raises Overloaded when none is free."""
        if self.active >= self.max_active:
            self._metrics.overloaded.inc()
            raise Overloaded("As much speech as this service can make is under way; try again in a moment.")
        self.active += 1
        self._metrics.active.inc()
        try:
            yield
        finally:
            self.active -= 1
            self._metrics.active.dec()
