"""The embedded recognisers' processes: replaced when they die, gone when they should be."""

import asyncio
import os
import signal
import wave

import pytest

from viva.errors import StageUnavailable
from viva_asr.engine import Options
from viva_asr.engines.child import ChildWorker
from viva_asr.engines.pocketsphinx import PocketSphinxEngine
from viva_asr.segmenter import Speech
from viva_asr.settings import AsrSettings

SENTENCE = "the students read the third chapter of the book"


def new_worker() -> ChildWorker:
    return PocketSphinxEngine(AsrSettings()).workers[0]


@pytest.fixture
async def worker():
    """One started worker."""
    made = new_worker()
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def speech(speak) -> Speech:
    """A spoken sentence."""
    with wave.open(str(speak(SENTENCE))) as file:
        return Speech(0.0, file.readframes(file.getnframes()))


async def text_of(worker: ChildWorker, speech: Speech) -> str:
    (hypothesis,) = await worker.transcribe([speech], Options())
    return " ".join(segment.text for segment in hypothesis.segments)


async def test_a_killed_process_is_replaced(worker: ChildWorker, speech: Speech) -> None:
    """A process that dies in the middle of a stretch costs nobody the stretch."""
    first = worker.pid
    heard = asyncio.create_task(text_of(worker, speech))
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    assert await heard == SENTENCE
    assert worker.pid != first


async def test_a_stretch_that_kills_twice_is_given_up(worker: ChildWorker, speech: Speech) -> None:
    """A stretch of which every process dies fails with StageUnavailable, and the next one is recognised."""

    async def kill_each() -> None:
        killed: set[int] = set()
        while len(killed) < 2:
            if worker.pid and worker.pid not in killed and worker.busy:
                os.kill(worker.pid, signal.SIGKILL)
                killed.add(worker.pid)
            await asyncio.sleep(0.001)

    long = Speech(0.0, speech.pcm * 4)
    killer = asyncio.create_task(kill_each())
    with pytest.raises(StageUnavailable):
        await text_of(worker, long)
    await killer
    assert await text_of(worker, speech) == SENTENCE


async def test_a_caller_that_leaves_does_not_mix_up_the_answers(worker: ChildWorker, speech: Speech) -> None:
    """After a cancelled call the next caller gets its own answer, not the one that was left behind."""
    left = asyncio.create_task(text_of(worker, Speech(0.0, bytes(64_000))))
    await asyncio.sleep(0.01)
    left.cancel()
    assert await text_of(worker, speech) == SENTENCE


async def test_closing_ends_the_process(speech: Speech) -> None:
    """No process is left behind, even one that is at work."""
    worker = new_worker()
    await worker.start()
    pid = worker.pid
    at_work = asyncio.create_task(text_of(worker, speech))
    await asyncio.sleep(0.01)
    await worker.close()
    await asyncio.gather(at_work, return_exceptions=True)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
