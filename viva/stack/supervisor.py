"""Keeps a started stack up: a part that dies is reported and started again, unless it keeps dying."""

import time
from collections import deque
from collections.abc import Callable

from viva.stack.part import RunningPart
from viva.stack.stack import PartFailed, Stack, why_it_ended

DEATHS_ALLOWED = 3
WITHIN_S = 60.0


class Supervisor:
    """Looks after a stack in steps, so that the caller decides how often and what happens between.

    A part may die `deaths_allowed` times within `within_s` seconds; the next time PartFailed is raised, because
    starting it over and over would hide what is wrong.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        on_death: Callable[[str], None],
        on_ready: Callable[[RunningPart], None],
        deaths_allowed: int = DEATHS_ALLOWED,
        within_s: float = WITHIN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stack = stack
        self._on_death = on_death
        self._on_ready = on_ready
        self._deaths_allowed = deaths_allowed
        self._within_s = within_s
        self._clock = clock
        self._deaths: dict[str, deque[float]] = {}

    def step(self) -> None:
        """Starts again what has died since the last step, and reports what has become ready."""
        for part in self._stack.died():
            self._note_death(part)
            self._stack.restart(part)
        for part in self._stack.parts:
            if not part.ready and part.check_ready():
                self._on_ready(part)

    def _note_death(self, part: RunningPart) -> None:
        deaths = self._deaths.setdefault(part.name, deque())
        now = self._clock()
        deaths.append(now)
        while deaths[0] < now - self._within_s:
            deaths.popleft()
        if len(deaths) > self._deaths_allowed:
            raise PartFailed(
                f"{part.name} {part.how_it_ended()}, {len(deaths)} times within {self._within_s:.0f} s, "
                f"so everything stops.{why_it_ended(part)}"
            )
        self._on_death(f"{part.name} {part.how_it_ended()} and is started again.{why_it_ended(part)}")
