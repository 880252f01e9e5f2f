"""No recogniser at all: takes a set time and says a set text, for tests and for measuring the machinery."""

import asyncio
from collections.abc import Sequence

from viva_asr.engine import Options
from viva_asr.segmenter import Cutting, Speech
from viva_asr.settings import AsrSettings
from viva_asr.transcript import Hypothesis, Segment, Word

_DEFAULT_WORKERS = 4
_SPOKEN_PER_S = 4.0
"""Words that are heard in a second of speech that goes on."""


class FakeEngine:
    """Says the same in every segment, or its first words while speech goes on, and that it is not a transcript."""

    name = "fake"
    model = "fake"
    languages = None
    partials = True

    def __init__(self, settings: AsrSettings) -> None:
        self.cutting = Cutting(max_s=settings.max_segment_s)
        latency_s, text = settings.fake_latency_ms / 1000, settings.fake_text
        ordinary = [FakeWorker(latency_s, text, False) for _ in range(settings.workers or _DEFAULT_WORKERS)]
        self.workers = [FakeWorker(latency_s, text, True), *ordinary]

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to stop."""


class FakeWorker:
    """Sleeps, then answers."""

    batch_size = 1

    def __init__(self, latency_s: float, text: str, reserved: bool) -> None:
        self.reserved = reserved
        self._latency_s = latency_s
        self._text = text

    async def transcribe(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        """Answer after the set time, the words spread evenly over each stretch."""
        await asyncio.sleep(self._latency_s)
        return [self._answer(speech.duration_s, options) for speech in batch]

    async def settle(self) -> None:
        """Nothing goes on after a cancellation."""

    def _answer(self, duration_s: float, options: Options) -> Hypothesis:
        texts = self._text.split()
        if options.partial:
            texts = texts[: int(duration_s * _SPOKEN_PER_S)]
        each_s = duration_s / max(1, len(texts))
        words = tuple(Word(i * each_s, (i + 1) * each_s, text, 1.0) for i, text in enumerate(texts))
        return Hypothesis((Segment(0.0, duration_s, " ".join(texts), words),), options.language)
