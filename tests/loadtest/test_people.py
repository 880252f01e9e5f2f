"""What callers decide, and when they come."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from loadtest.arrivals import poisson, steps_of
from loadtest.people import Person, Zipf
from loadtest.scenario import Arrivals, People, Scenario


def scenario(**arrivals) -> Scenario:
    return Scenario(name="tried", seconds=200, arrivals=Arrivals(mode="open", **arrivals))


def test_the_first_lecture_is_asked_about_most() -> None:
    """The n-th 1/n times as often, as Zipf found of words."""
    chance, zipf = random.Random(1), Zipf(4, 1.0)
    counts = Counter(zipf.pick(chance) for _ in range(25_000))
    shares = [counts[rank] / counts[0] for rank in range(4)]
    assert shares == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4], rel=0.05)


def test_the_same_seed_decides_the_same() -> None:
    """So that two runs can be compared; another person decides otherwise."""

    def decided(seed: str) -> list:
        person = Person(seed, People(interrupt=0.5), [4, 4, 4])
        about = person.begins()
        return [about, person.asks(about), person.speaks(), person.thinks_s(), person.interrupts_after_s()]

    assert decided("1/1") == decided("1/1")
    assert decided("1/1") != decided("1/2")


@pytest.mark.parametrize("habit", ["spoken", "follow_up", "interrupt", "reconnect"])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_habits_are_as_frequent_as_the_scenario_says(habit: str, share: float) -> None:
    """Never, sometimes, always."""
    person = Person(1, People(**{habit: share}), [4])
    decide = {
        "spoken": person.speaks,
        "follow_up": person.asks_again,
        "interrupt": lambda: person.interrupts_after_s() is not None,
        "reconnect": person.loses_connection,
    }[habit]
    assert sum(decide() for _ in range(4000)) / 4000 == pytest.approx(share, abs=0.03)


def test_people_come_at_random_at_the_rate_of_each_step() -> None:
    """As many as are wanted on average, none between two steps, as irregular as independent people are."""
    steps = steps_of(scenario(per_s=5, steps=(1, 3), pause_s=10), 5)
    found = list(poisson(steps, 0.0, random.Random(2)))
    counts = Counter(step for _, step in found)
    assert counts[0] / 200 == pytest.approx(5, rel=0.1)
    assert counts[1] / 200 == pytest.approx(15, rel=0.1)
    assert not [at for at, _ in found if 200 < at < 210]
    between = [later - at for (at, first), (later, second) in pairwise(found) if first == second]
    mean = sum(between) / len(between)
    spread = (sum((gap - mean) ** 2 for gap in between) / len(between)) ** 0.5
    assert spread / mean > 0.9


def test_follow_ups_count_as_questions() -> None:
    """Where half of the questions are follow-ups, half as many conversations begin."""
    found = list(poisson(steps_of(scenario(per_s=10), 10), 0.5, random.Random(3)))
    assert len(found) / 200 == pytest.approx(5, rel=0.1)
