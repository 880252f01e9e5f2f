"""The parts of the simulation against what queueing theory says of them."""

import math
import random
import statistics

import pytest

from viva.plan.clock import Clock
from viva.plan.shared import Shared, cores
from viva.plan.waiting import Places


def waits_s(places: int, per_s: float, service_s, count: int = 60_000, seed: int = 1) -> list[float]:
    """What callers wait for one of so many places, without those of the beginning."""
    clock, draw = Clock(), random.Random(seed)
    held, waited = Places(clock, places), []

    def caller():
        began = clock.now
        yield held.take()
        waited.append(clock.now - began)
        yield service_s(draw)
        held.give_back()

    at_s = 0.0
    for _ in range(count):
        at_s += draw.expovariate(per_s)
        clock.after(at_s, lambda: clock.start(caller()))
    clock.run()
    return waited[count // 10 :]


def erlang_c(places: int, load: float) -> float:
    """The probability of waiting in M/M/c; `load` is the arrivals' rate over one place's."""
    busy = load**places / math.factorial(places) * places / (places - load)
    return busy / (sum(load**n / math.factorial(n) for n in range(places)) + busy)


@pytest.mark.parametrize(("places", "busy"), [(1, 0.7), (4, 0.8)])
def test_mean_wait_of_random_service_times(places: int, busy: float):
    """M/M/c: the mean wait is Erlang's."""
    per_s = busy * places
    expected = erlang_c(places, busy * places) / (places - per_s)
    waited = waits_s(places, per_s, lambda draw: draw.expovariate(1.0))
    assert statistics.mean(waited) == pytest.approx(expected, rel=0.06)


def test_mean_wait_of_set_service_times():
    """M/D/1: half of what it is with random service times."""
    busy = 0.7
    waited = waits_s(1, busy, lambda _: 1.0)
    assert statistics.mean(waited) == pytest.approx(busy / (2 * (1 - busy)), rel=0.06)


def test_whose_turn_it_is():
    """Who is due first, whatever the order in which they came; equals in that order."""
    clock, served = Clock(), []
    places = Places(clock, 1)

    def caller(name: str, due: float):
        yield places.take(due)
        served.append(name)
        yield 1.0
        places.give_back()

    for name, due in (("begins", 0.0), ("late", 9.0), ("soon", 2.0), ("also soon", 2.0), ("now", 1.0)):
        clock.start(caller(name, due))
    clock.run()
    assert served == ["begins", "now", "soon", "also soon", "late"]


def test_mean_time_on_one_shared_core():
    """M/D/1 with a shared core: service over what is left of it, whatever the distribution."""
    clock, draw, took = Clock(), random.Random(3), []
    core, busy, count = Shared(clock, cores(1)), 0.6, 40_000

    def caller():
        began = clock.now
        yield core.work(1.0)
        took.append(clock.now - began)

    at_s = 0.0
    for _ in range(count):
        at_s += draw.expovariate(busy)
        clock.after(at_s, lambda: clock.start(caller()))
    clock.run()

    assert statistics.mean(took[count // 10 :]) == pytest.approx(1 / (1 - busy), rel=0.06)
    assert core.work_done == pytest.approx(count)


def test_two_share_one_core_and_not_two():
    """Two pieces of work of a second take two seconds on one core, and one on two."""
    for count, expected in ((1, 2.0), (2, 1.0)):
        clock = Clock()
        shared, ended = Shared(clock, cores(count)), []

        def work(clock=clock, shared=shared, ended=ended):
            yield shared.work(1.0)
            ended.append(clock.now)

        clock.start(work())
        clock.start(work())
        clock.run()
        assert ended == pytest.approx([expected, expected])


def test_a_pause_stops_everybody():
    """What is paused for three seconds ends three seconds later, and pauses may overlap."""
    clock, ended = Clock(), []
    shared = Shared(clock, cores(1))

    def work():
        yield shared.work(2.0)
        ended.append(clock.now)

    clock.start(work())
    clock.after(1.0, shared.pause)
    clock.after(2.0, shared.pause)
    clock.after(3.0, shared.go_on)
    clock.after(4.0, shared.go_on)
    clock.run()
    assert ended == pytest.approx([5.0])


def test_places_are_given_in_order():
    """Who came first is served first, and nobody waits where there is no bound."""
    clock, served = Clock(), []
    one, no_end = Places(clock, 1), Places(clock, None)

    def caller(name: str, places: Places):
        yield places.take()
        served.append((name, clock.now))
        yield 1.0
        places.give_back()

    for name in "abc":
        clock.start(caller(name, one))
    for name in "xy":
        clock.start(caller(name, no_end))
    clock.run()
    assert served == [("a", 0.0), ("x", 0.0), ("y", 0.0), ("b", 1.0), ("c", 2.0)]


def test_together_waits_for_the_last():
    """Processes side by side take as long as the longest of them."""
    clock, ended = Clock(), []

    def both():
        yield clock.together(iter_of(1.0), iter_of(3.0), iter_of())
        ended.append(clock.now)

    def iter_of(*waits: float):
        yield from waits

    clock.start(both())
    clock.run()
    assert ended == [3.0]
