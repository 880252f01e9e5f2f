"""Cores that services share: where processes go, and how fast they are there."""

import pytest

from viva.plan.clock import Clock
from viva.plan.machine import Machine


class Running:
    """A machine, and when each piece of work that it was given ended."""

    def __init__(self, count: int) -> None:
        self.clock = Clock()
        self.machine = Machine(self.clock, count, seed=1)
        self.ended: dict[str, float] = {}

    def give(self, name: str, processes, seconds: float, at_s: float = 0.0) -> None:
        def work():
            yield processes.work(seconds)
            self.ended[name] = self.clock.now

        self.clock.after(at_s, lambda: self.clock.start(work()))


def test_whoever_is_made_goes_where_the_fewest_are():
    """Of three pieces of a second on two cores two share one; the fourth goes to the other."""
    running = Running(2)
    made = running.machine.processes(None)
    for number in range(4):
        running.give(str(number), made, 1.0)
    running.clock.run()
    assert list(running.ended.values()) == pytest.approx([2.0] * 4)
    assert running.machine.work_done == pytest.approx(4.0)


def test_whoever_lives_on_stays_where_it_ran_when_no_core_is_idle():
    """Its second piece waits beside the others of its core, though the other core has fewer by then."""
    running = Running(2)
    own, made = running.machine.processes(1), running.machine.processes(None)
    running.give("first", own, 1.0)  # has a core to itself
    running.give("long", made, 100.0, at_s=0.1)  # goes to the other
    running.give("beside", made, 10.0, at_s=1.5)  # goes to the first one's core, which is idle
    running.give("more", made, 10.0, at_s=1.6)
    running.give("again", own, 1.0, at_s=1.7)
    running.clock.run()
    alone = 1.7 + 1.0
    assert running.ended["first"] == pytest.approx(1.0)
    assert running.ended["again"] > alone + 0.9


def test_whoever_lives_on_moves_to_an_idle_core():
    """What ran beside its core's other work has one to itself when it wakes up again."""
    running = Running(2)
    own, made = running.machine.processes(1), running.machine.processes(None)
    running.give("short", made, 0.5)
    running.give("long", made, 5.0)
    running.give("first", own, 0.2, at_s=0.6)
    running.give("again", own, 1.0, at_s=1.0)
    running.clock.run()
    assert (running.ended["first"], running.ended["again"]) == pytest.approx((0.8, 2.0))
