"""What may pass by is tried again for a while; what may not is not."""

from __future__ import annotations

import pytest
from prometheus_client import Counter

from viva.errors import AudioRejected, Overloaded, StageUnavailable, VivaError
from viva_orchestrator.lectures.patience import Patience


def _patience(limit_s: float) -> Patience:
    return Patience(limit_s, Counter("retries", "For this test.", ["code"], registry=None), first_pause_s=0)


def _failing(errors: list[VivaError]) -> object:
    async def call() -> int:
        if errors:
            raise errors.pop(0)
        return 7

    return call


async def test_tries_again_until_it_succeeds() -> None:
    """Retryable errors are swallowed while there is time."""
    errors = [StageUnavailable("asr", "away"), StageUnavailable("redis", "away")]
    assert await _patience(60).keep_trying(_failing(errors)) == 7


async def test_gives_up_when_nothing_has_succeeded_for_long() -> None:
    """The last error passes once the time is over."""
    with pytest.raises(Overloaded):
        await _patience(0).keep_trying(_failing([Overloaded("full")]))


async def test_does_not_repeat_what_cannot_help() -> None:
    """An error that is not retryable passes at once."""
    errors = [AudioRejected("no audio"), AudioRejected("no audio")]
    with pytest.raises(AudioRejected):
        await _patience(60).keep_trying(_failing(errors))
    assert len(errors) == 1
