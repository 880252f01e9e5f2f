"""What is known of a replica from its answers and probes: whether it may be asked, its last error, its latency."""

import time
from collections import deque
from collections.abc import Callable
from statistics import median

from viva_llm.failure import Failure, Reason

# Reasons that say something about this one request, not about the replica.
_NOT_ITS_FAULT = frozenset(
    {Reason.CONTEXT_TOO_LONG, Reason.CANNOT_HEAR, Reason.CLIENT_FAULT, Reason.NOT_SUPPORTED, Reason.NO_REPLICA}
)
# An empty answer comes here only when it is one of several in a row.
_AT_ONCE = frozenset({Reason.TIMEOUT, Reason.EMPTY})
_MAX_REST_FACTOR = 8


class Trial:
    """The one request that may try a half-open replica; known by its identity."""


class Health:
    """The record of one replica.

    A timeout ejects it at once: it is the one failure that costs a question its whole deadline. What fails quickly
    ejects after `eject_after` failures in a row, without a whole answer between them; so do as many empty answers in a
    row, of which one alone is the model's word and no failure. An ejection lasts `rest_s`
    seconds, twice as long each time until an answer is whole; then one request is let through, and whether it begins to
    be answered decides.
    """

    def __init__(self, rest_s: float, eject_after: int = 3, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest_s = rest_s
        self._eject_after = eject_after
        self._clock = clock
        self._rests_until = 0.0
        self._ejections = 0
        self._ejected_unheard = False
        self._failures = 0
        self._silences = 0
        self._reachable = True
        self._half_open = False
        self._trial: Trial | None = None
        self._failed_at: float | None = None
        self._first_tokens_s: deque[float] = deque(maxlen=64)
        self.serving: bool | None = None
        """Whether the last thing that was heard was good; None before anything was."""
        self.last_error = ""

    @property
    def state(self) -> str:
        """`up`, `unreachable` (it fails its probes), `ejected`, or `half_open` (one request may try it)."""
        if self._clock() < self._rests_until:
            return "ejected"
        if not self._reachable:
            return "unreachable"
        return "half_open" if self._half_open else "up"

    @property
    def available(self) -> bool:
        """Whether it may be asked now; others go first as long as it may not."""
        state = self.state
        return state == "up" or (state == "half_open" and self._trial is None)

    def asked(self) -> Trial | None:
        """A request goes to it; `released` takes what this returns. Of those that go to a half-open replica one is the
        trial; whoever asks it meanwhile, since no other replica is left, is not."""
        if self.state != "half_open" or self._trial is not None:
            return None
        self._trial = Trial()
        return self._trial

    def released(self, trial: Trial | None) -> None:
        """That request is over. A trial of which nothing was learned, as its client left, makes room for the next; the
        end of any other request, like one from before the ejection, does not."""
        if trial is self._trial:
            self._trial = None

    def began(self, first_token_s: float) -> None:
        """It began to answer, with its first token after that many seconds: it may be asked. That does not end a row
        of failures, since a server may break off every answer that it begins."""
        self._first_tokens_s.append(first_token_s)
        self._works()

    def answered(self) -> None:
        """It answered, to the end."""
        self._works()
        self._ejections, self._failures = 0, 0

    def _works(self) -> None:
        self.serving = True
        self._reachable = True
        self._silences = 0
        self._rests_until, self._half_open, self._trial = 0.0, False, None

    def probed(self) -> None:
        """It said that it could serve. That does not end the rest after a timeout or an error, since a server with a
        dead engine still lists its models; it does end the rest of a server that could not be reached at all."""
        self.serving = True
        self._reachable = True
        if self._ejected_unheard:
            self._rests_until = 0.0

    def probe_failed(self, failure: Failure) -> None:
        """A probe failed: others go first until one succeeds."""
        self._reachable = False
        self.failed(failure, eject=False)

    def failed(self, failure: Failure, *, eject: bool = True) -> None:
        """An answer failed."""
        if failure.reason in _NOT_ITS_FAULT or (failure.reason is Reason.EMPTY and not self._says_nothing_again()):
            return
        self.serving = False
        self.last_error = failure.said
        self._failed_at = self._clock()
        self._failures += eject
        if eject and (failure.reason in _AT_ONCE or self._ejections or self._failures >= self._eject_after):
            self._eject(failure)

    def _says_nothing_again(self) -> bool:
        """Whether it has now said nothing so often in a row that it is its fault rather than the questions'."""
        self._silences += 1
        return self._silences >= self._eject_after

    def _eject(self, failure: Failure) -> None:
        if self.state == "ejected":
            return  # a request that was under way before
        factor = min(2**self._ejections, _MAX_REST_FACTOR)
        self._rests_until = self._clock() + self._rest_s * factor
        self._ejections += 1
        self._half_open = True
        self._ejected_unheard = failure.reason is Reason.CONNECT

    def body(self) -> dict:
        """As /status shows it; times in milliseconds and seconds, None where nothing is known."""
        seconds = self._first_tokens_s
        return {
            "serving": self.serving,
            "state": self.state,
            "resting_s": round(max(0.0, self._rests_until - self._clock()), 1),
            "first_token_ms_p50": round(median(seconds) * 1000, 1) if seconds else None,
            "first_token_ms_last": round(seconds[-1] * 1000, 1) if seconds else None,
            "last_error": self.last_error or None,
            "last_error_age_s": None if self._failed_at is None else round(self._clock() - self._failed_at, 1),
        }
