"""A recogniser in a process of its own: what native code does there cannot take the service with it."""

import asyncio
import json
import os
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from viva.errors import EngineUnavailable, StageUnavailable
from viva_asr.engine import Options
from viva_asr.segmenter import Speech
from viva_asr.transcript import Hypothesis

_HEADER = struct.Struct("<I")
_START_S = 60.0
_NICENESS = 3
"""Of the workers for long recordings, half the weight: a question's worker, which has the whole, then gets a core
to itself although they occupy all. Nicer ones would starve on a machine that others use too."""
_SLOWEST = 20.0
"""Seconds per second of audio after which a child counts as hung; it needs about 0.1 at most."""


@dataclass(frozen=True, slots=True)
class ChildProgram:
    """What runs in the process: a module that calls `child_loop.serve`."""

    engine: str
    """Whose it is, for messages."""
    module: str
    read: Callable[[Any, float], Hypothesis]
    """Turns what it answered, and the length of the stretch in seconds, into a hypothesis."""
    environment: Mapping[str, str] = field(default_factory=dict)


class ChildWorker:
    """One child process, replaced when it dies."""

    batch_size = 1

    def __init__(self, program: ChildProgram, *, reserved: bool) -> None:
        self.reserved = reserved
        self._program = program
        self._child: Process | None = None
        self._exchange: asyncio.Task[Any] | None = None

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
        command = (sys.executable, "-P", "-m", self._program.module, str(niceness))
        environment = {**os.environ, **self._program.environment}
        self._child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment)
        try:
            async with asyncio.timeout(_START_S):
                await _read_frame(self._child)
        except (EOFError, OSError, TimeoutError) as error:
            await self._end_child()
            raise EngineUnavailable(f"A {self._program.engine} process did not start; its output says why.") from error

    async def close(self) -> None:
        """End the child."""
        if self._exchange is not None:
            self._exchange.cancel()
            await asyncio.gather(self._exchange, return_exceptions=True)
        await self._end_child()

    async def transcribe(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        """Recognise one stretch. Raises StageUnavailable when the child dies of it twice."""
        (speech,) = batch
        await self.settle()
        self._exchange = asyncio.create_task(self._recognise(speech))
        self._exchange.add_done_callback(_look_at_error)
        # Shielded, since half an exchange would leave the pipe out of step; it ends by itself within seconds.
        return [self._program.read(await asyncio.shield(self._exchange), speech.duration_s)]

    async def settle(self) -> None:
        """Wait for an exchange that a cancelled caller left behind: its answer must be read before the next."""
        if self.busy:
            await asyncio.wait([self._exchange])

    async def _recognise(self, speech: Speech) -> Any:
        for _ in range(2):
            try:
                if self._child is None:
                    await self.start()
                async with asyncio.timeout(5.0 + _SLOWEST * speech.duration_s):
                    self._child.stdin.write(_HEADER.pack(len(speech.pcm)) + speech.pcm)
                    await self._child.stdin.drain()
                    return await _read_frame(self._child)
            except (EOFError, OSError, TimeoutError, EngineUnavailable):
                engine = self._program.engine
                structlog.get_logger().warning("a recogniser died and is replaced", engine=engine, pid=self.pid)
                await self._end_child()
        raise StageUnavailable("asr", "Two recogniser processes died of the same stretch of speech.")

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        await child.wait()


class ChildEngine:
    """What engines of such processes have in common: so many for all segments, and one more for interactive ones."""

    partials = True

    def __init__(self, program: ChildProgram, count: int) -> None:
        ordinary = [ChildWorker(program, reserved=False) for _ in range(count)]
        self.workers = [ChildWorker(program, reserved=True), *ordinary]

    async def start(self) -> None:
        """Start the processes and wait until each has its model."""
        await asyncio.gather(*(worker.start() for worker in self.workers))

    async def close(self) -> None:
        """End the processes."""
        await asyncio.gather(*(worker.close() for worker in self.workers))


def _look_at_error(exchange: asyncio.Task) -> None:
    """Keep asyncio from reporting the error of an exchange whose caller has left."""
    if not exchange.cancelled():
        exchange.exception()


async def _read_frame(child: Process) -> Any:
    try:
        (length,) = _HEADER.unpack(await child.stdout.readexactly(_HEADER.size))
        return json.loads(await child.stdout.readexactly(length))
    except asyncio.IncompleteReadError as error:
        raise EOFError from error
