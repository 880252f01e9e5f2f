"""When callers come, if nobody waits for answers: a Poisson process, and how late the generator was with it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtest.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of time with one rate of arrivals; times in seconds since the first step began."""

    factor: float
    per_s: float
    begins_s: float
    ends_s: float


def steps_of(scenario: Scenario, per_s: float) -> list[Step]:
    """The steps of open arrivals at `per_s` questions in a second; one where the scenario has none."""
    steps, begins = [], 0.0
    for factor in scenario.arrivals.steps or (1.0,):
        steps.append(Step(factor, factor * per_s, begins, begins + scenario.seconds))
        begins += scenario.seconds + scenario.arrivals.pause_s
    return steps


def poisson(steps: Sequence[Step], follow_up: float, chance: random.Random) -> Iterator[tuple[float, int]]:
    """When a conversation begins, in seconds, and in which step.

    A share `follow_up` of the questions are follow-ups, which come by themselves; the rest begin conversations.
    """
    for number, step in enumerate(steps):
        beginnings = step.per_s * (1 - follow_up) or step.per_s
        at = step.begins_s
        while (at := at + chance.expovariate(beginnings)) < step.ends_s:
            yield at, number
