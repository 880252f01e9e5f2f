"""Conversations with callers who end badly: each question leaves its row."""

import pytest

from loadtest.crowd import Crowd, Lecture
from loadtest.results import turns
from loadtest.scenario import parse
from loadtest.speech import Speech

TEXT = """
name = "tried"
seconds = 10
[people]
spoken = 0.0
[arrivals]
mode = "closed"
people = 1
"""


class Killed(BaseException):
    """As gevent's GreenletExit: nothing that `except Exception` catches."""


class Hangs:
    """A caller who waits for an answer until it is killed, twelve seconds later."""

    def __init__(self, moment: list[float]) -> None:
        self.moment = moment
        self.closed = False

    def ask(self, asking):
        self.moment[0] += 12.0
        raise Killed

    def close(self) -> None:
        self.closed = True


def test_a_turn_that_is_killed_is_a_failed_one() -> None:
    """A server that hangs fails `turns.failed = {at_most = 0}`, though the run ends before the callers give up."""
    moment, rows = [100.0], []
    caller = Hangs(moment)
    lectures = (Lecture("lec_1", (Speech("what is it", b"", b""),)),)
    crowd = Crowd(parse(TEXT, "a.toml"), lectures, lambda *_: caller, rows.append, lambda: moment[0])
    with pytest.raises(Killed):
        crowd.converse(*crowd.person(), step=0)
    assert [(row["outcome"], row["ended_ms"]) for row in rows] == [("unfinished", 12_000.0)]
    assert turns(rows)["failed"] == {"unfinished": 1}
    assert caller.closed


@pytest.mark.parametrize("patience_s", [30, 90])
def test_the_end_of_a_run_waits_longer_than_any_caller(patience_s: int) -> None:
    """By what it takes to say a question that was just begun: whoever gets no answer has given up by then."""
    scenario = parse(TEXT.replace("spoken = 0.0", f"patience_s = {patience_s}"), "a.toml")
    assert scenario.drain_s >= patience_s + 5
