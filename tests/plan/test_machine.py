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
    """Its second piece shares a core with two others, although the other core has only one."""
    running = Running(2)
    made = running.machine.processes(None)
    one, other = running.machine.processes(1), running.machine.processes(1)
    running.give("elsewhere", made, 1.0)
    running.give("first", one, 0.3)  # on the core that is idle
    running.give("other's first", other, 0.1, at_s=0.4)  # there, too
    running.give("there", made, 10.0, at_s=0.6)
    running.give("elsewhere again", made, 10.0, at_s=1.1)
    running.give("other's again", other, 10.0, at_s=1.2)
    running.give("again", one, 1.0, at_s=1.3)
    running.clock.run()
    assert running.ended["first"] == pytest.approx(0.3)
    assert running.ended["again"] == pytest.approx(1.3 + 3.0)


def test_whoever_lives_on_moves_to_an_idle_core():
    """Its core has other work when it wakes up, and the other has none."""
    running = Running(2)
    own, made = running.machine.processes(1), running.machine.processes(None)
    running.give("elsewhere", made, 1.0)
    running.give("first", own, 0.5)  # on the core that was idle
    running.give("there now", made, 5.0, at_s=0.6)  # there, too: the other is busy until 1.0
    running.give("again", own, 1.0, at_s=1.5)
    running.clock.run()
    assert running.ended["again"] == pytest.approx(2.5)
