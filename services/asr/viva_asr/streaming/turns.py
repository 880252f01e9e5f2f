"""Where turns begin and end, found in the probabilities of speech."""

from collections.abc import Iterable
from dataclasses import dataclass

from viva_asr.streaming.ending import Ending
from viva_asr.streaming.frames import TurnDetection
from viva_asr.vad import SAMPLE_RATE_HZ, WINDOW

WINDOW_MS = 1000 * WINDOW // SAMPLE_RATE_HZ
_HYSTERESIS = 0.15
"""A window must be this much less probable than what begins speech to count as silence."""
_LEAST_WINDOWS = 2
"""Speech in a row that begins a turn: a click has one."""

# Milliseconds of silence that end a turn of `semantic_vad`, by how the words so far end.
_MEDIUM_MS = {Ending.FINISHED: 500, Ending.UNCLEAR: 1200, Ending.UNFINISHED: 4000}
_PATIENCE_MS = {
    "low": {Ending.FINISHED: 800, Ending.UNCLEAR: 2000, Ending.UNFINISHED: 8000},
    "medium": _MEDIUM_MS,
    "auto": _MEDIUM_MS,
    "high": {Ending.FINISHED: 300, Ending.UNCLEAR: 700, Ending.UNFINISHED: 2000},
}


@dataclass(frozen=True, slots=True)
class Started:
    """A turn began, `start_ms` after the first sample, padding included."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The turn is over, `end_ms` after the first sample; the silence that ended it lies before."""

    end_ms: int


class TurnDetector:
    """Fed one probability per window of 32 ms; `max_turn_s` ends a turn that does not end by itself."""

    def __init__(self, detection: TurnDetection, *, max_turn_s: float, seen: int = 0, speaking: bool = False) -> None:
        self.detection = detection
        self._max_windows = round(max_turn_s * 1000 / WINDOW_MS)
        self._seen = seen
        self._free_from = seen  # no turn begins before this window: what lies there has been dealt with
        self._first: int | None = seen if speaking else None
        self._in_a_row = 0
        self._voiced_to = seen
        self._ending = Ending.UNCLEAR

    @property
    def speaking(self) -> bool:
        """Whether a turn is open."""
        return self._first is not None

    @property
    def silent_until_ms(self) -> int:
        """Before this no turn can begin any more, in milliseconds after the first sample; 0 while one is open."""
        first = self._seen - self._in_a_row
        return 0 if self.speaking else max(0, first * WINDOW_MS - self.detection.prefix_padding_ms)

    def forget(self) -> None:
        """Drop the open turn; what follows may begin another."""
        self._first = None
        self._in_a_row = 0
        self._free_from = self._seen

    def judge(self, ending: Ending, heard_to: int) -> None:
        """Learn how the words up to window `heard_to` end; ignored when more was said meanwhile."""
        if heard_to >= self._voiced_to:
            self._ending = ending

    def feed(self, levels: Iterable[float]) -> list[Started | Stopped]:
        """Take the probabilities (0..1) of the next windows; return what they began and ended."""
        return [turn for level in levels if (turn := self._advance(level)) is not None]

    def _advance(self, level: float) -> Started | Stopped | None:
        self._seen += 1
        if self._first is None:
            return self._begin(level)
        if level >= max(self.detection.threshold - _HYSTERESIS, 0.01):
            self._voiced_to = self._seen
            self._ending = Ending.UNCLEAR
        silence_ms = (self._seen - self._voiced_to) * WINDOW_MS
        if silence_ms < self._patience_ms and self._seen - self._first < self._max_windows:
            return None
        self.forget()
        return Stopped(self._seen * WINDOW_MS)

    def _begin(self, level: float) -> Started | None:
        self._in_a_row = self._in_a_row + 1 if level >= self.detection.threshold else 0
        if self._in_a_row < _LEAST_WINDOWS:
            return None
        first_ms = (self._seen - self._in_a_row) * WINDOW_MS - self.detection.prefix_padding_ms
        start_ms = max(first_ms, self._free_from * WINDOW_MS)
        self._first = self._seen - self._in_a_row
        self._voiced_to = self._seen
        self._ending = Ending.UNCLEAR
        return Started(start_ms)

    @property
    def _patience_ms(self) -> int:
        if self.detection.type == "server_vad":
            # One window at least: silence is what ends a turn.
            return max(self.detection.silence_duration_ms, WINDOW_MS)
        return _PATIENCE_MS[self.detection.eagerness][self._ending]
