"""A bound on requests under way: past it a request is refused at once, so that the admitted keep their speed."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge

from viva.errors import Overloaded


class Admission:
    """Counts places; nobody waits for one. `refusal` is the sentence for who finds none free, whom `shed` counts."""

    def __init__(self, max_active: int, gauge: Gauge, shed: Counter, *, refusal: str) -> None:
        self.max_active = max_active
        self.active = 0
        self._gauge = gauge
        self._shed = shed
        self._refusal = refusal

    def require_room(self) -> None:
        """Raises Overloaded when no place is free: asked before a request is read, so that a refusal costs little."""
        if self.active >= self.max_active:
            self._shed.inc()
            raise Overloaded(self._refusal)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place as long as the context lasts. Raises Overloaded when none is free."""
        self.require_room()
        self.active += 1
        self._gauge.inc()
        try:
            yield
        finally:
            self.active -= 1
            self._gauge.dec()
