"""A replica that dies, hangs or is told to stop, in the middle of answers about a lecture."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from viva import events
from viva.stack.part import RunningPart

from .viva_stack import ANSWER_TOKENS, START_S, Viva

PROBE = Path(__file__).parents[2] / "charts" / "viva" / "files" / "generate_token.py"


@contextmanager
def streaming(viva: Viva, lecture_id: str) -> Iterator[Iterator[events.Event]]:
    """A turn of which the first words have come."""
    with viva.client() as client, closing(client.ask(None, lecture_id, "What is it about?")) as turn:
        assert any(isinstance(event, events.AnswerDelta) for event in turn)
        yield turn


def home_of(viva: Viva, lecture_id: str) -> tuple[RunningPart, RunningPart]:
    """The replica that answers about a lecture, and the other one."""
    before = viva.counters()
    viva.ask(lecture_id)
    at = [count.answers for count in viva.since(before)].index(1)
    return viva.replicas[at], viva.replicas[1 - at]


def answered_by(viva: Viva, replica: RunningPart, lecture_id: str) -> bool:
    """Asks once more; whether that replica alone answered, and nobody stood in. Dead ones cannot be asked."""
    alive = [other for other in viva.replicas if not other.has_died]
    one = Viva(viva.stack, tuple(alive), viva.lectures)
    before = one.counters()
    done = one.ask(lecture_id)
    answers = {other.name: count.answers for other, count in zip(alive, one.since(before), strict=True)}
    return done.degraded is None and answers.pop(replica.name) == 1 and not any(answers.values())


def is_ready(replica: RunningPart) -> bool:
    """What the chart's readiness probe says, which generates a token."""
    environ = {**os.environ, "PROBE_URL": replica.part.url, "PROBE_MODEL": "tiny"}
    return subprocess.run([sys.executable, PROBE, "6"], env=environ, check=False).returncode == 0


def test_a_replica_killed_in_mid_stream_ends_the_turn_in_an_error_and_the_other_answers_the_next(viva: Viva):
    """What was said cannot be unsaid, so it is not retried; nothing that looks complete is sent."""
    lecture_id = viva.lectures.add(3)
    home, other = home_of(viva, lecture_id)
    with streaming(viva, lecture_id) as turn:
        home.kill_group()
        *_, last = turn
    assert isinstance(last, events.Error), last
    assert last.retryable
    assert answered_by(viva, other, lecture_id)


def test_a_replica_that_hangs_is_passed_over_and_comes_back(viva: Viva):
    """Stopped with SIGSTOP it takes connections and answers nothing: one turn waits for its deadline, no other."""
    lecture_id = viva.lectures.add(3)
    home, other = home_of(viva, lecture_id)
    os.killpg(home.pid, signal.SIGSTOP)
    try:
        first = viva.ask(lecture_id)
        assert first.degraded is None
        assert viva.states()[viva.replicas.index(home)] in ("ejected", "unreachable")
        second = viva.ask(lecture_id)
        assert second.degraded is None
        assert [is_ready(replica) for replica in (home, other)] == [False, True]
        assert viva.states()[viva.replicas.index(other)] == "up"
    finally:
        os.killpg(home.pid, signal.SIGCONT)
    viva.wait_for(home, "up", "half_open")
    assert answered_by(viva, home, lecture_id)
    assert viva.states() == ["up", "up"]


def test_a_replica_that_is_told_to_stop_ends_its_answers_first(viva: Viva):
    """SIGTERM: the answer under way comes to its end, no turn fails meanwhile, the process ends well."""
    lecture_id = viva.lectures.add(3)
    home, other = home_of(viva, lecture_id)
    with streaming(viva, lecture_id) as turn:
        home.ask_to_stop()
        assert viva.ask(lecture_id).degraded is None
        *_, last = turn
    assert isinstance(last, events.Done), last
    assert (last.usage.completion_tokens, last.degraded) == (ANSWER_TOKENS, None)
    assert home.wait(START_S)
    assert home.exit_status == 0
    assert answered_by(viva, other, lecture_id)


def test_a_client_that_leaves_ends_the_answer_in_the_model_server(viva: Viva):
    """Through orchestrator and router: nothing goes on being generated for nobody."""
    lecture_id = viva.lectures.add(3)
    home, _ = home_of(viva, lecture_id)
    at = viva.replicas.index(home)
    before = viva.counters()[at]
    with streaming(viva, lecture_id):
        pass
    assert 0 < (viva.counters()[at] - before).generated < ANSWER_TOKENS
