"""What a recogniser says was said, and when."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Word:
    """One word; times in seconds."""

    start_s: float
    end_s: float
    text: str
    probability: float | None = None
    """How sure the engine is, 0..1, where it says."""


@dataclass(frozen=True, slots=True)
class Segment:
    """About a sentence; times in seconds of the clip as engines return it, of the recording everywhere else."""

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 1.0

    def shifted(self, offset_s: float) -> "Segment":
        """Return the same segment, `offset_s` seconds later."""
        words = tuple(
            replace(word, start_s=word.start_s + offset_s, end_s=word.end_s + offset_s) for word in self.words
        )
        return replace(self, start_s=self.start_s + offset_s, end_s=self.end_s + offset_s, words=words)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An engine's answer for one stretch of speech; no segments when it heard no words."""

    segments: tuple[Segment, ...] = ()
    language: str | None = None
    """ISO 639-1 code, where the engine found it out with confidence."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole recording."""

    segments: tuple[Segment, ...]
    language: str
    """ISO 639-1 code."""
    duration_s: float

    @property
    def text(self) -> str:
        """All segments as running text."""
        return " ".join(segment.text for segment in self.segments)
