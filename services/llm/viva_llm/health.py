"""What is known of a backend from its answers and probes: whether it serves, its last error, its latency."""

import time
from collections import deque
from collections.abc import Callable
from statistics import median

from viva_llm.failure import Failure, Reason

# Reasons that say something about this one request, not about the backend.
_NOT_ITS_FAULT = frozenset({Reason.CONTEXT_TOO_LONG, Reason.CANNOT_HEAR, Reason.CLIENT_FAULT})


class Health:
    """The record of one backend.

    Only a timeout puts a backend to rest: it is the one failure that costs every question its whole deadline.
    A refused connection or a 500 is told at once, so such a backend is simply tried again each time.
    """

    def __init__(self, rest_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest_s = rest_s
        self._clock = clock
        self._rests_until = 0.0
        self._failed_at: float | None = None
        self._first_tokens_s: deque[float] = deque(maxlen=64)
        self.serving: bool | None = None
        """None before anything was heard of the backend."""
        self.last_error = ""

    @property
    def resting(self) -> bool:
        """Whether others should be tried first."""
        return self._clock() < self._rests_until

    def answered(self, first_token_s: float) -> None:
        """It gave a first token after that many seconds."""
        self.serving = True
        self._rests_until = 0.0
        self._first_tokens_s.append(first_token_s)

    def probed(self) -> None:
        """It said that it could serve. That does not end a rest: a hung model server still lists its models."""
        self.serving = True

    def failed(self, failure: Failure) -> None:
        """An answer or a probe failed."""
        if failure.reason in _NOT_ITS_FAULT:
            return
        self.serving = False
        self.last_error = failure.said
        self._failed_at = self._clock()
        if failure.reason is Reason.TIMEOUT:
            self._rests_until = self._clock() + self._rest_s

    def body(self) -> dict:
        """As /status shows it; times in milliseconds and seconds, None where nothing is known."""
        seconds = self._first_tokens_s
        return {
            "serving": self.serving,
            "resting_s": round(max(0.0, self._rests_until - self._clock()), 1),
            "first_token_ms_p50": round(median(seconds) * 1000, 1) if seconds else None,
            "first_token_ms_last": round(seconds[-1] * 1000, 1) if seconds else None,
            "last_error": self.last_error or None,
            "last_error_age_s": None if self._failed_at is None else round(self._clock() - self._failed_at, 1),
        }
