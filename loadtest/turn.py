"""One question and what became of it, as its caller saw it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from loadtest.playback import Arrival, play
from loadtest.speech import Speech

SHED = (429, 503)


@dataclass(frozen=True, slots=True)
class Asking:
    """What is to be asked."""

    text: str
    speech: Speech | None
    """None: the question is typed."""
    lecture_id: str
    audio_format: str = "pcm"
    interrupt_after_s: float | None = None
    patience_s: float = 30.0


@dataclass(slots=True)
class Turn:
    """What one question came to; its row in turns.jsonl. Moments in seconds of the caller's clock."""

    asked_s: float
    """When the person had said it, or typed it."""
    outcome: str = "unfinished"
    """done, shed, interrupted, or the code of what went wrong."""
    ended_s: float = 0.0
    arrivals: list[Arrival] = field(default_factory=list)
    receipt: dict[str, Any] = field(default_factory=dict)
    degraded: str | None = None
    tokens: int = 0
    """Of the answer, as the model counted them; 0 where it counts none, and over Realtime."""
    code: str | None = None
    """Of the error that ended it, a refusal's too."""
    retry_after_s: float | None = None
    audio_format: str = "pcm"
    plays_until_s: float | None = None

    def end(self, outcome: str, at_s: float) -> "Turn":
        """Notes how it ended, and when."""
        self.outcome, self.ended_s = outcome, at_s
        return self

    def done(self, done: dict[str, Any], at_s: float) -> "Turn":
        """Notes what `done` says: it has the fields of the event of that name."""
        self.receipt, self.degraded = done.get("receipt") or {}, done.get("degraded")
        self.tokens = (done.get("usage") or {}).get("completion_tokens", 0)
        return self.end("done", at_s)

    def failed(self, status: int | None, code: str, at_s: float, retry_after: str | None = None) -> "Turn":
        """Notes an error; one for lack of room is a shed."""
        self.code = code
        self.retry_after_s = seconds_until(retry_after)
        refused = status in SHED and "overloaded" in code
        # What stands in front of Viva (an ingress) says so with a page of its own.
        elsewhere = status == 503 and code == foreign(503) and self.retry_after_s is not None
        return self.end("shed" if refused or elsewhere else code, at_s)

    def figures(self) -> dict[str, Any]:
        """The row, in milliseconds since the question had been asked."""
        heard = play(self.arrivals, self.audio_format)
        self.plays_until_s = heard.ends_s
        return {
            "outcome": self.outcome,
            "first_audible_ms": self._ms(heard.first_audible_s),
            "first_audio_ms": self._ms(heard.first_audio_s),
            "ended_ms": self._ms(self.ended_s),
            "gaps_ms": [round(gap * 1000, 1) for gap in heard.gaps_s],
            "code": self.code,
            "degraded": self.degraded,
            "retry_after_s": self.retry_after_s,
            "audio_s": round(heard.audio_s, 2),
            "audio_bytes": sum(len(arrival.data) for arrival in self.arrivals),
            "pieces": len(self.arrivals),
            "tokens": self.tokens,
            "receipt": self.receipt,
        }

    def _ms(self, at_s: float | None) -> float | None:
        return None if at_s is None else round((at_s - self.asked_s) * 1000, 1)


def foreign(status: int) -> str:
    """The code of an error whose body is none of Viva's."""
    return f"http_{status}"


def seconds_until(retry_after: str | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """What a Retry-After says: seconds, or a date (RFC 9110, 10.2.3). None where it says neither."""
    if retry_after is None:
        return None
    if (given := retry_after.strip()).isdecimal():
        return float(given)
    try:
        at = parsedate_to_datetime(given)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now()).total_seconds())


@dataclass(frozen=True, slots=True)
class Told:
    """Who asked, and when."""

    at_s: float
    """Since the run began."""
    caller: int
    transport: str
    lecture: int
    follow_up: bool
    spoken: bool
    step: int

    def row(self, turn: Turn) -> dict[str, Any]:
        """The line of turns.jsonl."""
        return {**asdict(self), "at_s": round(self.at_s, 3), **turn.figures()}
