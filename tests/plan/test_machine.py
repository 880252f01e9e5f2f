"""Cores that services share: where processes go, and how fast they are there."""

import statistics

import pytest

from viva.plan.clock import Clock
from viva.plan.layout import SharedCores
from viva.plan.machine import Machine
from viva.plan.shared import Piece, Shared, cores

NEVER_S = 1e9
"""So long until a core takes over what waits elsewhere that it does not happen."""


class Running:
    """A machine, and when each piece of work that it was given ended."""

    def __init__(self, cores: SharedCores, seed: int = 1) -> None:
        self.clock = Clock()
        self.machine = Machine(self.clock, cores, seed)
        self.ended: dict[str, float] = {}

    def give(self, name: str, processes, seconds: float, at_s: float = 0.0) -> None:
        def work():
            yield processes.work(seconds)
            self.ended[name] = self.clock.now

        self.clock.after(at_s, lambda: self.clock.start(work()))


def on_one_core(running: Running, *pieces: tuple[str, float]) -> None:
    """Pieces of work that share the second core, while the first has a piece of one second."""
    running.give("elsewhere", running.machine.made_anew(), 1.0)
    for number, (name, seconds) in enumerate(pieces):
        stays = running.machine.processes()
        running.give("first there", stays, 0.0001, at_s=number * 0.0002)
        running.give(name, stays, seconds, at_s=0.001 + number * 0.0001)


def test_whoever_is_made_goes_where_the_fewest_are():
    """Of three pieces of a second on two cores two share one; the fourth goes to the other."""
    running = Running(SharedCores(2, takeover_s=NEVER_S))
    made = running.machine.made_anew()
    for number in range(4):
        running.give(str(number), made, 1.0)
    running.clock.run()
    assert list(running.ended.values()) == pytest.approx([2.0] * 4)
    assert made.work_done == pytest.approx(4.0)


def test_whoever_lives_on_stays_where_it_ran_when_no_core_is_idle():
    """Its second piece shares a core with two others, although the other core has only one."""
    running = Running(SharedCores(2, takeover_s=NEVER_S))
    made = running.machine.made_anew()
    one, other = running.machine.processes(), running.machine.processes()
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
    running = Running(SharedCores(2, takeover_s=NEVER_S))
    own, made = running.machine.processes(), running.machine.made_anew()
    running.give("elsewhere", made, 1.0)
    running.give("first", own, 0.5)  # on the core that was idle
    running.give("there now", made, 5.0, at_s=0.6)  # there, too: the other is busy until 1.0
    running.give("again", own, 1.0, at_s=1.5)
    running.clock.run()
    assert running.ended["again"] == pytest.approx(2.5)


@pytest.mark.parametrize("takeover_s", [0.0, 0.01])
def test_an_idle_core_takes_over_what_waits_at_another(takeover_s: float):
    """Of three pieces on two cores, the last of the two that share one moves on when the third has ended."""
    took_s = []
    for seed in range(200):
        running = Running(SharedCores(2, takeover_s), seed)
        on_one_core(running, ("first", 2.0), ("second", 2.0))
        running.clock.run()
        assert running.ended["elsewhere"] == pytest.approx(1.0)
        # By 1.0 each had half a second or so; from the takeover on each has a core.
        took_s.append(running.ended["second"] - 2.5)
        assert running.ended["first"] == pytest.approx(running.ended["second"], abs=0.01)
    assert statistics.mean(took_s) == pytest.approx(takeover_s / 2, abs=0.002)


def test_a_core_that_soon_has_work_again_takes_nothing_over():
    """It is idle for a millisecond, and a takeover takes 50 on average: nearly always both that share stay together."""
    stayed = 0
    for seed in range(100):
        running = Running(SharedCores(2, takeover_s=0.05), seed)
        on_one_core(running, ("first", 2.0), ("second", 2.0))
        running.give("elsewhere again", running.machine.made_anew(), 5.0, at_s=1.001)
        running.clock.run()
        stayed += running.ended["first"] == pytest.approx(4.0, abs=0.01)
    assert stayed > 90


@pytest.mark.parametrize("anew", [True, False], ids=["made anew", "two that live on"])
def test_work_takes_so_many_times_the_cpu_that_it_is_said_to_be(anew: bool):
    """Alone and beside others; what is counted is what it was said to be."""
    running = Running(SharedCores(1))
    slower = running.machine.made_anew(1.1) if anew else running.machine.processes((1.0, 1.0), 1.1)
    running.give("one", slower, 1.0)
    running.give("other", slower, 1.0)
    running.give("alone", slower, 1.0, at_s=3.0)
    running.clock.run()
    assert running.ended == pytest.approx({"one": 2.2, "other": 2.2, "alone": 4.1})
    assert slower.work_done == pytest.approx(3.0)


def test_a_process_does_one_thing_at_a_time():
    """In the order in which it was asked, whatever other cores there are."""
    running = Running(SharedCores(4))
    service = running.machine.processes()
    for number, name in enumerate(("first", "second", "third")):
        running.give(name, service, 1.0, at_s=number * 0.1)
    running.clock.run()
    assert running.ended == pytest.approx({"first": 1.0, "second": 2.0, "third": 3.0})


def test_whoever_is_free_first_takes_what_waits():
    """Two at work and a third piece: the second, which is done first, takes it, and the first is not held up."""
    running = Running(SharedCores(4, takeover_s=NEVER_S))
    workers = running.machine.processes((1.0, 1.0))
    running.give("first", workers, 2.0)
    running.give("second", workers, 1.0)
    running.give("waits", workers, 1.0)
    running.clock.run()
    assert running.ended == pytest.approx({"first": 2.0, "second": 1.0, "waits": 2.0})


def test_whoever_goes_on_stays_on_its_core():
    """It does not wake up, so it does not look for an idle core; nobody takes it over here."""
    running = Running(SharedCores(2, takeover_s=NEVER_S))
    service, other = running.machine.processes(), running.machine.processes()
    running.give("elsewhere", running.machine.made_anew(), 0.5)
    running.give("other's first", other, 0.01)
    running.give("first", service, 1.0, at_s=0.02)
    running.give("other's again", other, 10.0, at_s=0.03)  # both cores are busy: it stays beside the service
    running.give("second", service, 1.0, at_s=0.05)
    running.clock.run()
    assert running.ended["first"] == pytest.approx(2.01)
    assert running.ended["second"] == pytest.approx(4.01)


def test_whoever_was_moved_wakes_up_where_it_ran_last():
    """On the core that took it over, where it has half of it, and not where somebody heavy would leave it a quarter."""
    running = Running(SharedCores(2, takeover_s=0.0))
    moved, heavy = running.machine.processes(), running.machine.processes((3.0,))
    running.give("elsewhere", running.machine.made_anew(), 0.5)
    running.give("first", moved, 0.005)
    running.give("heavy", heavy, 100.0, at_s=0.01)
    running.give("second", moved, 0.5, at_s=0.02)  # beside the heavy one until the other core is idle
    running.give("there now", running.machine.made_anew(), 100.0, at_s=1.3)
    running.give("third", moved, 1.0, at_s=1.4)
    running.clock.run()
    assert running.ended["second"] == pytest.approx(0.5 + 0.5 - 0.48 / 4)
    assert running.ended["third"] == pytest.approx(1.4 + 2.0)


def test_workers_get_their_parts_of_a_core_by_weight():
    """The first that is idle is taken; one of half the weight has a third of a core beside it."""
    running = Running(SharedCores(1))
    workers = running.machine.processes((1.0, 0.5))
    running.give("first", workers, 1.0)
    running.give("second", workers, 1.0)
    running.give("first again", workers, 1.0, at_s=3.0)
    running.clock.run()
    assert running.ended == pytest.approx({"first": 1.5, "second": 2.0, "first again": 4.0})


def test_what_is_taken_over_keeps_its_weight_and_what_is_left_of_it():
    """Of half the weight it had a third of the core for a second."""
    clock = Clock()
    core = Shared(clock, cores(1))
    core.give(Piece(4.0, lambda: None))
    core.give(Piece(1.0, lambda: None, weight=0.5))
    taken = []
    clock.after(1.0, lambda: taken.append(core.take_latest()))
    clock.run()
    assert (taken[0].weight, taken[0].units) == (0.5, pytest.approx(2 / 3))
    assert clock.now == pytest.approx(1.0 + 4.0 - 2 / 3)
