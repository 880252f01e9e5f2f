"""What is remembered of a backend."""

import pytest

from viva_llm.failure import Failure, Reason
from viva_llm.health import Health


class Clock:
    """A clock that is set by hand, in seconds."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_known_at_first():
    """A backend that nobody has heard of neither serves nor fails."""
    health = Health(10, Clock())
    assert health.serving is None
    assert not health.resting
    assert health.body()["first_token_ms_p50"] is None


def test_timeout_rests_for_its_time():
    """A timeout puts a backend to rest, and a good probe does not end that; time does."""
    clock = Clock()
    health = Health(10, clock)
    health.failed(Failure(Reason.TIMEOUT, "late"))
    health.probed()
    assert health.resting
    clock.now += 10
    assert not health.resting


def test_answer_ends_a_rest():
    """A backend that answers after all is as good as new."""
    health = Health(10, Clock())
    health.failed(Failure(Reason.TIMEOUT, "late"))
    health.answered(0.25)
    assert not health.resting
    assert health.serving
    assert health.body()["first_token_ms_last"] == 250.0


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.TIMEOUT])
def test_other_failures_do_not_rest(reason):
    """What fails at once is tried again each time."""
    health = Health(10, Clock())
    health.failed(Failure(reason, "no"))
    assert not health.resting


@pytest.mark.parametrize("reason", [Reason.CONTEXT_TOO_LONG, Reason.CANNOT_HEAR, Reason.CLIENT_FAULT])
def test_faults_of_a_request_are_not_the_backends(reason):
    """A request that is too long says nothing about the backend's health."""
    health = Health(10, Clock())
    health.probed()
    health.failed(Failure(reason, "no"))
    assert health.serving
    assert health.body()["last_error"] is None


def test_last_error_and_its_age_are_told():
    """The record has our sentence about the last failure and how long ago it was."""
    clock = Clock()
    health = Health(10, clock)
    health.failed(Failure(Reason.SERVER_ERROR, "it failed (HTTP 500)"))
    clock.now += 3
    assert (health.serving, health.body()["last_error"], health.body()["last_error_age_s"]) == (
        False,
        "it failed (HTTP 500)",
        3.0,
    )
