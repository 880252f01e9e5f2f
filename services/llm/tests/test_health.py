"""What is remembered of a replica."""

import pytest

from viva_llm.failure import Failure, Reason
from viva_llm.health import Health

LATE = Failure(Reason.TIMEOUT, "late")
ERROR = Failure(Reason.SERVER_ERROR, "it failed (HTTP 500)")
BROKEN_OFF = Failure(Reason.BAD_STREAM, "the connection broke in the middle of its answer")
EMPTY = Failure(Reason.EMPTY, "nothing said")
REFUSED = Failure(Reason.CONNECT, "no connection to it")


class Clock:
    """A clock that is set by hand, in seconds."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the record."""
    return Clock()


@pytest.fixture
def health(clock) -> Health:
    """A record that ejects for 10 s, after three failures in a row."""
    return Health(10, 3, clock)


def test_nothing_is_known_at_first(health):
    """A replica that nobody has heard of neither serves nor fails, and may be asked."""
    assert health.serving is None
    assert health.available
    assert health.body()["first_token_ms_p50"] is None


def test_timeout_ejects_for_its_time(health, clock):
    """A timeout ejects at once, and a good probe does not end that; time does."""
    health.failed(LATE)
    health.probed()
    assert (health.state, health.available) == ("ejected", False)
    clock.now += 10
    assert (health.state, health.available) == ("half_open", True)


def test_one_request_at_a_time_tries_a_half_open_replica(health, clock):
    """While one request is on trial others go elsewhere; when it is over without a result the next may try."""
    health.failed(LATE)
    clock.now += 10
    trial = health.asked()
    assert trial is not None
    assert not health.available
    health.released(trial)
    assert (health.state, health.available, health.serving) == ("half_open", True, False)


def test_only_the_end_of_the_trial_makes_room_for_another(health, clock):
    """Requests from before the ejection, those that had nowhere else to go, and failed probes do not end a trial."""
    before = health.asked()
    health.failed(LATE)
    clock.now += 10
    trial, besides = health.asked(), health.asked()
    assert besides is None
    health.released(before)
    health.released(besides)
    health.failed(Failure(Reason.CLIENT_FAULT, "wrong"))
    health.probe_failed(REFUSED)
    health.probed()
    assert (health.state, health.available) == ("half_open", False)
    health.released(trial)
    assert health.available


def test_late_end_of_an_old_trial_does_not_end_the_next(health, clock):
    """A trial that outlasts another ejection has no say in the trial after that."""
    health.failed(LATE)
    clock.now += 10
    old = health.asked()
    health.began(0.1)
    health.failed(LATE)
    clock.now += 20
    assert health.asked() is not None
    health.released(old)
    assert not health.available


def test_success_of_the_trial_closes_the_matter(health, clock):
    """A replica that answers is as good as new: another single error does not eject it."""
    health.failed(LATE)
    clock.now += 10
    health.asked()
    health.began(0.25)
    assert health.state == "up"
    assert health.body()["first_token_ms_last"] == 250.0
    health.answered()
    health.failed(ERROR)
    assert health.available


def test_failure_of_the_trial_ejects_for_twice_as_long(health, clock):
    """Each ejection lasts twice as long as the one before, up to eight times."""
    for lasts_s in (10, 20, 40, 80, 80):
        health.asked()
        health.failed(LATE if lasts_s == 10 else ERROR)
        clock.now += lasts_s - 1
        assert health.state == "ejected"
        clock.now += 1
        assert health.state == "half_open"


@pytest.mark.parametrize("reason", [Reason.CONNECT, Reason.SERVER_ERROR, Reason.BAD_STREAM, Reason.REFUSED])
def test_failures_in_a_row_eject(health, reason):
    """What fails at once is tried again, but not for ever."""
    for expected in (True, True, False):
        health.failed(Failure(reason, "no"))
        assert health.available is expected


def test_success_between_failures_ends_the_row(health):
    """Only failures without a success between them count together."""
    for _ in range(4):
        health.failed(ERROR)
        health.failed(ERROR)
        health.began(0.1)
        health.answered()
    assert health.available


def test_answers_that_only_begin_do_not_end_the_row(health, clock):
    """A server that breaks off every answer after its first token is ejected, and for longer each time."""
    for _ in range(3):
        assert health.available
        health.began(0.1)
        health.failed(BROKEN_OFF)
    assert health.state == "ejected"
    clock.now += 10
    health.began(0.1)
    assert health.state == "up"
    health.failed(BROKEN_OFF)
    clock.now += 19
    assert health.state == "ejected"
    clock.now += 1
    assert health.state == "half_open"


def test_requests_that_were_under_way_do_not_lengthen_an_ejection(health, clock):
    """Ten requests that hang together are one event."""
    for _ in range(10):
        health.failed(LATE)
    clock.now += 10
    assert health.state == "half_open"


def test_failed_probe_sends_others_first_until_one_succeeds(health):
    """A server that does not answer its probes is not asked while others are there."""
    health.probe_failed(REFUSED)
    assert (health.state, health.available, health.serving) == ("unreachable", False, False)
    health.probed()
    assert (health.state, health.available, health.serving) == ("up", True, True)


def test_server_that_is_back_is_tried_at_once(health):
    """A rest for refused connections ends with the first good probe, which shows that they are not refused."""
    for _ in range(3):
        health.failed(REFUSED)
    assert health.state == "ejected"
    health.probed()
    assert health.state == "half_open"


@pytest.mark.parametrize(
    "reason",
    [Reason.CONTEXT_TOO_LONG, Reason.CANNOT_HEAR, Reason.CLIENT_FAULT, Reason.NOT_SUPPORTED, Reason.NO_REPLICA],
)
def test_faults_of_a_request_are_not_the_replicas(health, reason):
    """A request that is too long says nothing about the replica's health, however often it is made."""
    health.probed()
    for _ in range(9):
        health.failed(Failure(reason, "no"))
    assert health.serving
    assert health.available
    assert health.body()["last_error"] is None


def test_model_that_says_nothing_is_no_sick_replica(health, clock):
    """One empty answer is no failure, neither of a good replica nor of one on trial; any word ends the row."""
    health.probed()
    for _ in range(3):
        health.failed(EMPTY)
        health.failed(EMPTY)
        health.began(0.1)
    assert (health.state, health.serving, health.body()["last_error"]) == ("up", True, None)
    health.failed(LATE)
    clock.now += 10
    health.failed(EMPTY)
    assert health.state == "half_open"


def test_replica_that_says_nothing_again_and_again_is_ejected(health, clock):
    """A server whose weights are broken ends every answer at once: the third in a row ejects it, then each trial."""
    for _ in range(3):
        assert health.available
        health.failed(EMPTY)
    assert (health.state, health.serving, health.last_error) == ("ejected", False, "nothing said")
    clock.now += 10
    health.failed(EMPTY)
    assert health.state == "ejected"


def test_last_error_and_its_age_are_told(health, clock):
    """The record has our sentence about the last failure and how long ago it was."""
    health.failed(ERROR)
    clock.now += 3
    assert (health.serving, health.body()["last_error"], health.body()["last_error_age_s"]) == (
        False,
        "it failed (HTTP 500)",
        3.0,
    )
