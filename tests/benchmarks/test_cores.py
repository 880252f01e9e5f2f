"""benchmarks/cores.py: what it asks of the real and of the simulated cores."""

import pytest

from benchmarks.cores import PIECES_S, cuts, measure, pieces, simulate, takeover_s, workers
from viva.plan.layout import SharedCores


def test_pieces_are_as_much_work_as_asked_for():
    """Half of two cores for 200 s are 200 s of work, at random times."""
    work = pieces(0.5, 2, 200.0, seed=1)
    assert sum(piece_s for _, piece_s in work) == pytest.approx(200.0, rel=0.1)
    assert {piece_s for _, piece_s in work} == set(PIECES_S)
    assert [at_s for at_s, _ in work] == sorted(at_s for at_s, _ in work)


def test_simulated_pieces_take_their_work_and_what_they_wait():
    """One at a time takes what it is; two at once on one core take both."""
    assert simulate([(0.0, 0.04), (1.0, 0.06)], SharedCores(1), seed=1) == pytest.approx([0.04, 0.06])
    assert simulate([(0.0, 0.05), (0.0, 0.05)], SharedCores(1), seed=1) == pytest.approx([0.1, 0.1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the tests' process may have threads
def test_real_pieces_are_all_done():
    """Each took its work at least, and the processes end with the block."""
    with workers(2) as idle:
        took_s = measure([(0.0, 0.015), (0.01, 0.025)], idle)
        assert len(idle) == 2
    assert sorted(took_s)[0] > 0.0149
    assert sorted(took_s)[1] > 0.0249


def test_cuts_are_the_mean_and_the_95th_percentile():
    """Of 1 to 101 both are known."""
    assert cuts([float(n) for n in range(1, 102)]) == pytest.approx((51.0, 96.0))


def test_one_core_takes_nothing_over(monkeypatch: pytest.MonkeyPatch):
    """There is none that could be idle while others share it."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    assert takeover_s(2) == 0.0
