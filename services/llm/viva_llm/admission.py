"""A bound on answers under way: past it a request is refused at once, so that the admitted keep their speed."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from viva.errors import Overloaded


class Admission:
    """Counts places; nobody waits for one."""

    def __init__(self, max_active: int, gauge: Gauge) -> None:
        self.max_active = max_active
        self.active = 0
        self._gauge = gauge

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place as long as the context lasts. Raises Overloaded when none is free."""
        if self.active >= self.max_active:
            raise Overloaded("As many answers as this service can give are under way; try again in a moment.")
        self.active += 1
        self._gauge.inc()
        try:
            yield
        finally:
            self.active -= 1
            self._gauge.dec()
