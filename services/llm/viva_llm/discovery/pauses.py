"""How long to wait before another attempt: longer each time, and not in step with others."""

import random
from collections.abc import Callable


class Pauses:
    """Doubles from `first_s` up to `most_s` seconds; each pause is a random part, at least half, of that."""

    def __init__(self, first_s: float, most_s: float, chance: Callable[[], float] = random.random) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._chance = chance
        self._next_s = first_s

    def next_s(self) -> float:
        """The next pause, in seconds."""
        pause_s = self._next_s
        self._next_s = min(self._most_s, 2 * pause_s)
        return pause_s * (0.5 + self._chance() / 2)

    def reset(self) -> None:
        """What was tried worked: begin with the short pauses again."""
        self._next_s = self._first_s
