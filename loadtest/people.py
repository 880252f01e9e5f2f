"""What a caller decides: which lecture, which way, what to ask, how long to think, when to interrupt."""

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from loadtest.scenario import People

INTERRUPT_AFTER_S = (0.5, 3.0)


class Zipf:
    """Numbers from 0, the n-th of them 1/(n+1)^exponent times as often as the first."""

    def __init__(self, count: int, exponent: float) -> None:
        self._sums = list(accumulate(1 / (rank**exponent) for rank in range(1, count + 1)))

    def pick(self, chance: random.Random) -> int:
        """One of them."""
        return bisect(self._sums, chance.random() * self._sums[-1])


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is settled when a person begins: a lecture by its place in the list, and a transport."""

    lecture: int
    transport: str


class Person:
    """One caller's decisions, from chances of their own: the same seed decides the same."""

    def __init__(self, seed: int | str, habits: People, questions: Sequence[int]) -> None:
        """`questions`: how many questions there are about each lecture."""
        self._chance = random.Random(seed)
        self._habits = habits
        self._questions = questions
        self._lectures = Zipf(len(questions), habits.zipf)

    def begins(self) -> Conversation:
        """A new conversation."""
        transports = self._habits.transports
        transport = self._chance.choices(list(transports), list(transports.values()))[0]
        return Conversation(self._lectures.pick(self._chance), transport)

    def asks(self, about: Conversation) -> int:
        """The number of the next question about the lecture."""
        return self._chance.randrange(self._questions[about.lecture])

    def speaks(self) -> bool:
        """Whether the next question is spoken."""
        return self._chance.random() < self._habits.spoken

    def asks_again(self) -> bool:
        """Whether another question follows."""
        return self._chance.random() < self._habits.follow_up

    def thinks_s(self) -> float:
        """Seconds until the next question."""
        return self._chance.uniform(*self._habits.think_s)

    def interrupts_after_s(self) -> float | None:
        """Seconds of the answer that are listened to before it is cut short; None: all of it."""
        if self._chance.random() >= self._habits.interrupt:
            return None
        return self._chance.uniform(*INTERRUPT_AFTER_S)

    def loses_connection(self) -> bool:
        """Whether the connection is lost before the next question."""
        return self._chance.random() < self._habits.reconnect
