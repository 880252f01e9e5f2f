"""Cuts a stream of PCM into stretches of speech, about a sentence each."""

from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np

from viva_asr.vad import SAMPLE_RATE_HZ, WINDOW

_WINDOW_S = WINDOW / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch of speech, cut out of a recording."""

    start_s: float
    """Where in the recording it begins, in seconds."""
    pcm: bytes
    """s16le mono samples at 16 kHz."""

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return len(self.pcm) / 2 / SAMPLE_RATE_HZ

    @property
    def end_s(self) -> float:
        """Where in the recording it ends, in seconds."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Cutting:
    """Where to cut."""

    max_s: float = 20.0
    """No stretch is longer than this; a longer one is divided at its best pause."""
    join_s: float = 0.0
    """Neighbouring sentences are joined up to this length (for engines that pay per 30 s); 0 joins nothing."""
    join_gap_s: float = 1.5
    """Sentences further apart than this are never joined: recognisers invent words in silence."""
    silence_s: float = 0.25
    """A pause of this length ends a sentence."""
    pad_s: float = 0.2
    """Kept on either side, so that no word is clipped; never more than the pause has."""
    min_speech_s: float = 0.09
    """Anything shorter is a click, not a word."""
    speech_level: float = 0.5
    """A window at least this probable begins speech."""
    silence_level: float = 0.35
    """A window less probable than this may end it."""


class Detector(Protocol):
    """What tells speech from silence, one probability (0..1) per window of 512 samples."""

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Take int16 samples; return the probabilities of the windows that they complete."""

    def flush(self) -> np.ndarray:
        """Return the probability of the unfinished window, if there is one."""


@dataclass(slots=True)
class _Span:
    """Windows [first, end) of the recording."""

    first: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.first) * _WINDOW_S


class SpeechSegmenter:
    """Fed PCM, returns the stretches of speech that are finished; holds no more than one unfinished stretch."""

    def __init__(self, detector: Detector, cutting: Cutting | None = None) -> None:
        self._detector = detector
        self._cut = cutting or Cutting()
        self._pad = round(self._cut.pad_s / _WINDOW_S)
        self._samples = np.zeros(0, dtype=np.int16)
        self._levels: list[float] = []
        self._base = 0  # the window at which _samples and _levels begin
        self._open: _Span | None = None  # speech that has not ended yet: up to its last voiced window
        self._waiting: _Span | None = None  # ended and padded, but the next may be joined to it
        self._taken = 0  # the window up to which everything has been cut out: padding stops there
        self._odd = b""

    @property
    def buffered_s(self) -> float:
        """Seconds of audio held at the moment."""
        return len(self._samples) / SAMPLE_RATE_HZ

    def feed(self, pcm: bytes) -> list[Speech]:
        """Take s16le mono at 16 kHz, in pieces of any size; return the stretches that this finished."""
        pcm = self._odd + pcm
        whole = len(pcm) - len(pcm) % 2
        self._odd = pcm[whole:]
        samples = np.frombuffer(pcm[:whole], dtype="<i2")
        self._samples = np.concatenate([self._samples, samples])
        finished = self._advance(self._detector.feed(samples))
        self._forget()
        return finished

    @property
    def unfinished(self) -> Speech | None:
        """The stretch that goes on at the moment, with all that was heard since it began."""
        if self._open is None:
            return None
        first = max(self._taken, self._open.first - self._pad, self._base)
        samples = self._samples[(first - self._base) * WINDOW :]
        return Speech(start_s=first * _WINDOW_S, pcm=samples.astype("<i2").tobytes())

    @property
    def voiced_s(self) -> float:
        """Where in the recording the last voice of the stretch that goes on was heard, in seconds; 0 without one."""
        return self._open.end * _WINDOW_S if self._open else 0.0

    def skip(self) -> None:
        """Forget the stretch that goes on; the next begins after here."""
        self._open = self._waiting = None
        self._taken = self._seen
        self._forget()

    def flush(self) -> list[Speech]:
        """End the recording; return the stretches that were still open."""
        finished = self._advance(self._detector.flush())
        if self._open:
            finished += self._close()
        finished += self._release()
        self._samples = self._samples[:0]
        return finished

    @property
    def _seen(self) -> int:
        return self._base + len(self._levels)

    def _advance(self, levels: np.ndarray) -> list[Speech]:
        finished: list[Speech] = []
        for level in levels.tolist():
            window = self._seen
            self._levels.append(level)
            if self._open is None:
                if level >= self._cut.speech_level:
                    self._open = _Span(window, window + 1)
                elif self._waiting and (window - self._waiting.end) * _WINDOW_S > self._cut.join_gap_s:
                    finished += self._release()
                continue
            # Once silent, only a clearly voiced window counts as speech again.
            wanted = self._cut.silence_level if self._open.end == window else self._cut.speech_level
            if level >= wanted:
                self._open.end = window + 1
            elif (window + 1 - self._open.end) * _WINDOW_S >= self._cut.silence_s:
                finished += self._close()
                continue
            if (window + 1 - self._open.first + 2 * self._pad) * _WINDOW_S > self._cut.max_s:
                finished += self._divide()
        return finished

    def _close(self) -> list[Speech]:
        """End the open stretch where its voice ended."""
        span, self._open = self._open, None
        if span.seconds < self._cut.min_speech_s:
            return []
        first = max(self._taken, span.first - self._pad)
        # Half of the shortest pause at most, so that the next sentence has its share of a short one.
        after = min(self._pad, max(1, round(self._cut.silence_s / _WINDOW_S / 2)))
        return self._take(_Span(first, min(self._seen, span.end + after)))

    def _divide(self) -> list[Speech]:
        """End the open stretch in the longest pause of its later part, and go on with the rest."""
        span = self._open
        earliest = span.first + (self._seen - span.first) // 3
        cut = self._best_pause(earliest, self._seen)
        self._open = _Span(cut, max(cut + 1, span.end))
        return self._take(_Span(max(self._taken, span.first - self._pad), cut))

    def _best_pause(self, first: int, end: int) -> int:
        """Return the middle of the longest silent run among windows [first, end), or the quietest window."""
        levels = self._levels[first - self._base : end - self._base]
        longest, middle, position = 0, 0, first
        for silent, run in groupby(levels, key=lambda level: level < self._cut.silence_level):
            length = sum(1 for _ in run)
            if silent and length >= longest:
                longest, middle = length, position + length // 2
            position += length
        return middle if longest else first + int(np.argmin(levels))

    def _take(self, span: _Span) -> list[Speech]:
        """Hand out a finished stretch, or keep it for joining."""
        self._taken = span.end
        if self._waiting and self._joinable(self._waiting, span):
            self._waiting.end = span.end
            return []
        released = self._release()
        self._waiting = span
        return released if self._cut.join_s else released + self._release()

    def _joinable(self, one: _Span, other: _Span) -> bool:
        gap_s = (other.first - one.end) * _WINDOW_S
        return gap_s <= self._cut.join_gap_s and (other.end - one.first) * _WINDOW_S <= self._cut.join_s

    def _release(self) -> list[Speech]:
        span, self._waiting = self._waiting, None
        if span is None:
            return []
        samples = self._samples[(span.first - self._base) * WINDOW : (span.end - self._base) * WINDOW]
        return [Speech(start_s=span.first * _WINDOW_S, pcm=samples.astype("<i2").tobytes())]

    def _forget(self) -> None:
        """Drop the audio that no stretch can need any more."""
        needed = self._seen - self._pad
        if self._open:
            needed = self._open.first - self._pad
        if self._waiting:
            needed = self._waiting.first
        dropped = min(max(0, needed - self._base), len(self._levels))
        if dropped:
            self._levels = self._levels[dropped:]
            self._samples = self._samples[dropped * WINDOW :].copy()
            self._base += dropped
