"""CMU PocketSphinx: its model comes inside the wheel, so it works with no download. English only."""

import asyncio
import json
import math
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import structlog

from viva.errors import EngineUnavailable, StageUnavailable
from viva.service.cores import usable_cores
from viva_asr.engine import Options
from viva_asr.segmenter import Cutting, Speech
from viva_asr.settings import AsrSettings
from viva_asr.transcript import Hypothesis, Segment, Word

_CHILD = Path(__file__).with_name("pocketsphinx_child.py")
_HEADER = struct.Struct("<I")
_START_S = 60.0
_LONGEST_S = 10.0
"""A stretch that has begun cannot be stopped: this much takes about a second."""
_NICENESS = 3
"""Of the workers for long recordings, half the weight: a question's worker, which has the whole, then gets a core
to itself although they occupy all. Nicer ones would starve on a machine that others use too."""
_SLOWEST = 20.0
"""Seconds per second of audio after which a child counts as hung; it needs about 0.1."""


class PocketSphinxEngine:
    """One process per core for all segments, and one more for interactive ones."""

    name = "pocketsphinx"
    model = "en-us"
    languages = frozenset({"en"})

    def __init__(self, settings: AsrSettings) -> None:
        if find_spec("pocketsphinx") is None:
            raise EngineUnavailable("The asr engine 'pocketsphinx' needs the Python package pocketsphinx.")
        self.cutting = Cutting(max_s=min(settings.max_segment_s, _LONGEST_S))
        ordinary = [PocketSphinxWorker(reserved=False) for _ in range(settings.workers or usable_cores())]
        self.workers = [PocketSphinxWorker(reserved=True), *ordinary]

    async def start(self) -> None:
        """Start the processes and wait until each has its model."""
        await asyncio.gather(*(worker.start() for worker in self.workers))

    async def close(self) -> None:
        """End the processes."""
        await asyncio.gather(*(worker.close() for worker in self.workers))


class PocketSphinxWorker:
    """One child process, replaced when it dies."""

    batch_size = 1

    def __init__(self, *, reserved: bool) -> None:
        self.reserved = reserved
        self._child: Process | None = None
        self._exchange: asyncio.Task[list] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the child, or None when there is none."""
        return self._child.pid if self._child else None

    @property
    def busy(self) -> bool:
        """Whether it is recognising something."""
        return self._exchange is not None and not self._exchange.done()

    async def start(self) -> None:
        """Start the child and wait until it has loaded its model. Raises EngineUnavailable when it does not."""
        niceness = 0 if self.reserved else _NICENESS
        # -P: its own folder, which has a module of the same name as the library, stays off the path.
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", str(_CHILD), str(niceness), stdin=PIPE, stdout=PIPE
        )
        try:
            async with asyncio.timeout(_START_S):
                await _read_frame(self._child)
        except (EOFError, OSError, TimeoutError) as error:
            await self._end_child()
            raise EngineUnavailable("A pocketsphinx process did not start; its output says why.") from error

    async def close(self) -> None:
        """End the child."""
        if self._exchange is not None:
            self._exchange.cancel()
            await asyncio.gather(self._exchange, return_exceptions=True)
        await self._end_child()

    async def transcribe(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        """Recognise one stretch. Raises StageUnavailable when the child dies of it twice."""
        (speech,) = batch
        if self.busy:
            # Left behind by a caller that was cancelled: its answer must be read before ours.
            await asyncio.wait([self._exchange])
        self._exchange = asyncio.create_task(self._recognise(speech))
        self._exchange.add_done_callback(_look_at_error)
        # Shielded, since half an exchange would leave the pipe out of step; it ends by itself within seconds.
        return [_hypothesis(await asyncio.shield(self._exchange), speech.duration_s)]

    async def _recognise(self, speech: Speech) -> list:
        for _ in range(2):
            try:
                if self._child is None:
                    await self.start()
                async with asyncio.timeout(5.0 + _SLOWEST * speech.duration_s):
                    self._child.stdin.write(_HEADER.pack(len(speech.pcm)) + speech.pcm)
                    await self._child.stdin.drain()
                    return await _read_frame(self._child)
            except (EOFError, OSError, TimeoutError, EngineUnavailable):
                structlog.get_logger().warning("a pocketsphinx process died and is replaced", pid=self.pid)
                await self._end_child()
        raise StageUnavailable("asr", "Two recogniser processes died of the same stretch of speech.")

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        await child.wait()


def _look_at_error(exchange: asyncio.Task) -> None:
    """Keep asyncio from reporting the error of an exchange whose caller has left."""
    if not exchange.cancelled():
        exchange.exception()


async def _read_frame(child: Process) -> list:
    try:
        (length,) = _HEADER.unpack(await child.stdout.readexactly(_HEADER.size))
        return json.loads(await child.stdout.readexactly(length))
    except asyncio.IncompleteReadError as error:
        raise EOFError from error


def _hypothesis(heard: list, duration_s: float) -> Hypothesis:
    words = tuple(Word(start_s, min(end_s, duration_s), text, sure) for text, start_s, end_s, sure in heard)
    if not words:
        return Hypothesis()
    text = " ".join(word.text for word in words)
    avg_logprob = sum(math.log(word.probability) for word in words) / len(words)
    return Hypothesis((Segment(words[0].start_s, words[-1].end_s, text, words, avg_logprob=avg_logprob),))
