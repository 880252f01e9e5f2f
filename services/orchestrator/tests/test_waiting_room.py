"""The waiting room: what it admits when more comes than can be carried, in simulated time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from viva.errors import Overloaded
from viva_orchestrator.waiting_room import LEAST, START, UNDISTURBED_S, Wait, WaitingRoom


@dataclass
class System:
    """A stage with so many workers and a queue without bound, then other stages that never make anybody wait."""

    workers: int
    stage_s: float
    rest_s: float
    replicas: int = 1
    now: float = 0.0
    waits_s: list[float] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self.rooms = [WaitingRoom(tolerance=1.4, most=1000, now=lambda: self.now) for _ in range(self.replicas)]
        self._free = [0.0] * self.workers
        self._ending: list[tuple[float, int, float, Wait]] = []

    def run(self, per_s: float, seconds: float, seed: int = 1) -> None:
        """So many questions a second, at random."""
        chance, spread = random.Random(seed), random.Random(seed)
        self.waits_s, self.refused = [], 0
        until, number = self.now + seconds, 0
        while (comes := self.now + chance.expovariate(per_s)) < until:
            self._end(comes)
            self.now = comes
            number += 1
            try:
                wait = spread.choice(self.rooms).enter("spoken")
            except Overloaded:
                self.refused += 1
                continue
            begins = max(heapq.heappop(self._free), comes)
            heapq.heappush(self._free, begins + self.stage_s)
            heapq.heappush(self._ending, (begins + self.stage_s + self.rest_s, number, comes, wait))
        self._end(until)
        self.now = until

    def idle(self, seconds: float) -> None:
        """Nobody asks."""
        self._end(self.now + seconds)
        self.now += seconds

    def _end(self, until: float) -> None:
        while self._ending and self._ending[0][0] <= until:
            at, _, came, wait = heapq.heappop(self._ending)
            self.now = at
            self.waits_s.append(at - came)
            wait.heard(at - came)

    def p95(self) -> float:
        return sorted(self.waits_s)[int(0.95 * len(self.waits_s))]


class People:
    """So many who ask, wait for the answer, think and ask again; stages that nobody has to wait for."""

    def __init__(self, count: int, think_s: float, takes: Callable[[random.Random], float], seed: int) -> None:
        self.takes = takes
        self._think_s = think_s
        self._chance = random.Random(seed)
        self._now = 0.0
        self._room = WaitingRoom(tolerance=1.4, most=128, now=lambda: self._now)
        self._next = [(self._thinks(), number, None, 0.0) for number in range(count)]
        heapq.heapify(self._next)

    def run(self, seconds: float) -> float:
        """The share that was refused."""
        until, asked, refused = self._now + seconds, 0, 0
        while self._next[0][0] < until:
            self._now, number, wait, took_s = heapq.heappop(self._next)
            if wait is None:
                asked += 1
                try:
                    wait, took_s = self._room.enter("typed"), self.takes(self._chance)
                except Overloaded:
                    refused += 1
                heapq.heappush(self._next, (self._now + (took_s if wait else self._thinks()), number, wait, took_s))
            else:
                wait.heard(took_s)
                heapq.heappush(self._next, (self._now + self._thinks(), number, None, 0.0))
        self._now = until
        return refused / asked

    def _thinks(self) -> float:
        return self._chance.expovariate(1 / self._think_s)


@pytest.mark.parametrize(("workers", "stage_s"), [(1, 0.3), (2, 0.3), (8, 0.4), (64, 0.5)])
def test_at_three_times_the_capacity_the_admitted_wait_twice_as_long_at_most(workers: int, stage_s: float) -> None:
    """And the stage is kept as busy as it can be, whatever its size, though nobody said what that is."""
    system = System(workers, stage_s, 0.4)
    capacity = workers / stage_s
    system.run(0.5 * capacity, 40)
    unloaded = system.p95()
    system.idle(5)
    system.run(3 * capacity, 10)  # finds its level
    system.run(3 * capacity, 40)
    assert system.p95() < 2 * unloaded
    assert len(system.waits_s) / 40 > 0.9 * capacity
    assert system.refused > len(system.waits_s)


def test_what_can_be_carried_is_not_refused() -> None:
    """At four fifths of the capacity hardly anybody is, though they come at random."""
    system = System(8, 0.4, 0.4)
    system.run(16, 60)
    assert system.refused < 0.02 * len(system.waits_s)


def test_a_rush_that_passes_by_itself_is_let_in() -> None:
    """On a small machine two at once are twice as slow already; below its capacity nobody is refused for that."""
    system = System(2, 0.06, 0.07)
    system.run(18, 120)
    assert system.refused < 0.01 * len(system.waits_s)


def test_a_queue_of_other_replicas_lowers_the_limit() -> None:
    """Where the stages are shared, the room of this replica may be half empty, and its questions wait all the same."""
    room = WaitingRoom(tolerance=1.4, most=100)
    room.enter("typed").heard(0.5)
    for _ in range(60):
        waits = [room.enter("typed") for _ in range(min(4, room.limit))]
        for wait in waits:
            wait.heard(0.5 if wait.quiet else 4.0)
    assert room.limit < START / 2


def test_a_rush_after_silence_does_not_make_everybody_wait() -> None:
    """The limit learned from many hours holds for a hundred who come in one second."""
    system = System(2, 0.3, 0.4)
    system.run(3, 60)
    quiet = system.p95()
    system.run(20, 60)
    system.idle(60)
    system.run(100, 1)
    system.idle(20)
    assert max(system.waits_s) < 3 * quiet


def test_a_stage_that_has_become_slower_is_found_normal_after_a_while() -> None:
    """Otherwise nearly everybody would be refused for ever, which helps nobody."""
    system = System(8, 0.2, 0.2)
    system.run(20, 30)
    system.stage_s, system.rest_s = 0.2, 2.0  # no queue, only a model that takes longer
    system.run(20, 120)
    system.run(20, 60)
    assert system.refused < 0.1 * len(system.waits_s)


@pytest.mark.parametrize("think_s", [1, 2, 5])
def test_waits_that_differ_by_themselves_are_no_overload(think_s: float) -> None:
    """One lecture of five is cold and takes fifteen times as long; that refuses nobody."""
    for seed in range(5):
        people = People(10, think_s, lambda chance: 6.0 if chance.random() < 0.2 else 0.4, seed)
        assert people.run(600) == 0


def test_half_a_minute_after_everything_became_slower_people_are_let_in_again() -> None:
    """The waits of before are forgotten at once, not one by one."""
    people = People(20, 3, lambda _: 0.4, seed=1)
    assert people.run(120) == 0
    people.takes = lambda _: 3.0
    people.run(40)
    people.run(20)  # the limit grows by half a place with each answer
    assert people.run(20) < 0.1


def test_ten_replicas_do_not_take_their_common_queue_for_normal() -> None:
    """Each has few waiting and would call that quiet."""
    system = System(32, 0.4, 0.4, replicas=10)
    system.run(40, 30)
    for load in (0.8, 1.0, 1.2, 1.5):
        system.run(load * 80, 20)
    system.run(160, 30)
    assert system.p95() < 2 * 0.8
    assert len(system.waits_s) / 30 > 0.9 * 80


def test_nothing_is_normal_while_anybody_is_refused() -> None:
    """Who waits alone here may wait for the people of other replicas: half a minute later that is over."""
    now = [0.0]
    room = WaitingRoom(tolerance=1.4, most=4, now=lambda: now[0])

    def ask(took_s: float, *, crowd: bool) -> None:
        for _ in range(100):
            for wait in [room.enter("typed") for _ in range(room.limit if crowd else 1)]:
                wait.heard(took_s)

    ask(0.5, crowd=False)
    waits = [room.enter("typed") for _ in range(4)]
    with pytest.raises(Overloaded):
        room.enter("typed")
    for wait in waits:
        wait.left()
    ask(2.0, crowd=False)
    ask(2.0, crowd=True)
    assert room.limit < 4
    now[0] += UNDISTURBED_S
    ask(2.0, crowd=False)
    ask(2.0, crowd=True)
    assert room.limit == 4


def test_one_after_the_other_is_never_refused_however_slow() -> None:
    """Whoever waits alone waits for nobody else: a slow machine is no overload."""
    room = WaitingRoom(tolerance=1.4, most=100)
    for number in range(200):
        room.enter("typed").heard(0.1 * number)
    assert room.limit == START


def test_kinds_are_compared_with_their_own() -> None:
    """A typed question is answered sooner than a spoken one; that is no sign of a queue."""
    room = WaitingRoom(tolerance=1.4, most=100)
    for kind, seconds in (("typed", 0.2), ("spoken", 1.0)):
        room.enter(kind).heard(seconds)
    for _ in range(50):
        waits = [room.enter(kind) for kind in ("typed", "spoken") * 4]
        for wait in waits:
            wait.heard(0.2 if wait.kind == "typed" else 1.0)
    assert room.limit >= START


def test_a_wait_ends_once() -> None:
    """Whether it was heard, or left, or both: the place is given back, and not twice."""
    room = WaitingRoom(tolerance=1.4, most=100)
    wait, other = room.enter("typed"), room.enter("typed")
    wait.heard(1.0)
    wait.left()
    assert room.waiting == 1
    other.left()
    other.heard(1.0)
    assert room.waiting == 0


def test_who_is_refused_is_told_to_come_back_the_later_the_more_are() -> None:
    """Otherwise all of them would be back in a second."""
    room = WaitingRoom(tolerance=1.4, most=1)
    room.enter("typed")
    told = []
    for _ in range(100):
        with pytest.raises(Overloaded) as caught:
            room.require_room()
        told.append(caught.value.retry_after_s)
    assert told[0] < 2
    assert 10 < told[-1] <= 30
    assert told == sorted(told)


def test_switched_off_the_limit_is_the_most() -> None:
    """However long anybody waits."""
    room = WaitingRoom(tolerance=0, most=3)
    for _ in range(50):
        waits = [room.enter("typed") for _ in range(3)]
        assert room.full
        for number, wait in enumerate(waits):
            wait.heard(100.0 * number)
    assert room.limit == 3


def test_it_never_closes() -> None:
    """However slow everything is, a few are let in, or nothing would ever be learned again."""
    room = WaitingRoom(tolerance=1.4, most=100)
    room.enter("typed").heard(0.01)
    for _ in range(500):
        waits = []
        while not room.full:
            waits.append(room.enter("typed"))
        for wait in waits:
            wait.heard(0.01 if wait.quiet else 10.0)
    assert room.limit == LEAST
