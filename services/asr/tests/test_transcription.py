"""One recording on its way through: order, bounds, errors, leaving."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from viva.errors import AudioRejected
from viva.service.metrics import ServiceMetrics
from viva_asr.engine import Options
from viva_asr.metrics import AsrMetrics
from viva_asr.scheduler import Scheduler
from viva_asr.segmenter import Speech, SpeechSegmenter
from viva_asr.transcript import Hypothesis, Segment
from viva_asr.transcription import Transcription
from viva_asr.vad import SAMPLE_RATE_HZ, WINDOW

SENTENCE_S = 2.048
_BLOCK_BYTES = 64 * 1024


class Alternating:
    """Hears two seconds of speech, then half a second of silence, for ever."""

    def __init__(self) -> None:
        self._windows = 0
        self._samples = 0

    def feed(self, samples: np.ndarray) -> np.ndarray:
        self._samples += len(samples)
        new = self._samples // WINDOW - self._windows
        numbers = np.arange(self._windows, self._windows + new)
        self._windows += new
        return np.where(numbers % 80 < 64, 0.9, 0.0)

    def flush(self) -> np.ndarray:
        return np.zeros(0)


class Uneven:
    """Takes longest for the first of every three stretches, so that results arrive out of order."""

    batch_size = 1
    reserved = False

    def __init__(self, language: str | None = None) -> None:
        self.options: list[Options] = []
        self._language = language

    async def transcribe(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        self.options.append(options)
        number = round(batch[0].start_s / 2.56)
        for _ in range(30 if number % 3 == 0 else 1):
            await asyncio.sleep(0)
        return [Hypothesis((Segment(0.1, 1.0, f"sentence {number}"),), self._language)]

    async def settle(self) -> None:
        """Nothing goes on after a cancellation."""


class Recording:
    """PCM blocks of a set length that count how many have been taken; may end in an error."""

    def __init__(self, duration_s: float, error: Exception | None = None) -> None:
        self.taken_s = 0.0
        self.closed = False
        self._blocks = int(duration_s * SAMPLE_RATE_HZ * 2) // _BLOCK_BYTES
        self._error = error

    async def __call__(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(self._blocks):
                self.taken_s += _BLOCK_BYTES / 2 / SAMPLE_RATE_HZ
                yield bytes(_BLOCK_BYTES)
                await asyncio.sleep(0)
            if self._error:
                raise self._error
        finally:
            self.closed = True


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """Where speech is detected."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def start(executor: ThreadPoolExecutor, workers: list[Uneven], options: Options = Options()) -> Transcription:
    metrics = AsrMetrics(ServiceMetrics())
    scheduler = Scheduler(workers, metrics, max_queued_s=1e6, max_queued_interactive_s=1e6)
    ticket = scheduler.admit(1e5, interactive=False)
    return Transcription(SpeechSegmenter(Alternating()), ticket, options, executor)


async def test_segments_come_in_order(executor: ThreadPoolExecutor) -> None:
    """However unevenly the workers answer, the segments come in the order of the recording, none missing."""
    transcription = start(executor, [Uneven() for _ in range(4)])
    texts = [segment.text async for segment in transcription.segments(Recording(60)())]
    assert texts == [f"sentence {number}" for number in range(len(texts))]
    assert len(texts) >= 22


async def test_times_are_those_of_the_recording(executor: ThreadPoolExecutor) -> None:
    """A segment's time in its stretch is moved to the stretch's place."""
    transcription = start(executor, [Uneven()])
    starts = [segment.start_s async for segment in transcription.segments(Recording(30)())]
    assert starts == sorted(starts)
    assert starts[4] == pytest.approx(4 * 2.56 + 0.1, abs=0.25)


async def test_five_minutes_are_never_held_at_once(executor: ThreadPoolExecutor) -> None:
    """A slow reader stops the decoder: what has been taken stays within a window of what was given out."""
    recording = Recording(300)
    transcription = start(executor, [Uneven(), Uneven()])
    most_ahead_s = 0.0
    async for segment in transcription.segments(recording()):
        for _ in range(100):
            await asyncio.sleep(0)
        most_ahead_s = max(most_ahead_s, recording.taken_s - segment.end_s)
    assert recording.taken_s == pytest.approx(300, abs=3)
    assert most_ahead_s < 40


async def test_leaving_early_closes_the_decoder(executor: ThreadPoolExecutor) -> None:
    """A reader that stops after one segment leaves nothing running: no decoding, no task."""
    recording = Recording(300)
    segments = start(executor, [Uneven()]).segments(recording())
    await anext(segments)
    await segments.aclose()
    for _ in range(10):  # a cancelled task ends in its next turn
        await asyncio.sleep(0)
    assert recording.closed
    assert recording.taken_s < 60
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_broken_recording_gives_what_came_before(executor: ThreadPoolExecutor) -> None:
    """The decoder's error is raised after the segments that were whole."""
    recording = Recording(30, AudioRejected("It breaks off.", code="audio_truncated"))
    seen = []

    async def read() -> None:
        async for segment in start(executor, [Uneven()]).segments(recording()):
            seen.append(segment.text)

    with pytest.raises(AudioRejected):
        await read()
    assert len(seen) >= 10


async def test_the_language_is_learnt_once(executor: ThreadPoolExecutor) -> None:
    """When the engine is sure of the language, later segments are told it instead of guessing again."""
    worker = Uneven(language="de")
    transcription = start(executor, [worker])
    async for _ in transcription.segments(Recording(60)()):
        pass
    assert transcription.language == "de"
    assert worker.options[0].language is None
    assert worker.options[-1].language == "de"
