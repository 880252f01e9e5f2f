"""Reading recordings that may be anything: each is opened by a child process with limits.

FFmpeg reads dozens of formats and is fed by strangers, so it never runs in a service's own process. A
child serves one file and ends; a few started ones wait, because loading FFmpeg takes longer than reading
a question does.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from viva.audio.child import Child, took_too_long
from viva.audio.info import AudioInfo, AudioLimits
from viva.audio.job import DONE, Job


class Decoder:
    """Inspects and decodes recordings in child processes; one for each service, opened in its lifespan.

    `spares` children are kept started and idle (about 35 MB each, mostly shared); at most `max_children`
    work at once, and more callers than that wait.
    """

    def __init__(self, *, spares: int = 2, max_children: int = 32) -> None:
        self._wanted = spares
        self._spares: deque[Child] = deque()
        self._busy: set[Child] = set()
        self._slots = asyncio.Semaphore(max_children)
        self._refilling: asyncio.Task | None = None
        self._closed = False

    async def start(self) -> None:
        """Start the spare children."""
        self._refill()
        await self._refilling

    async def close(self) -> None:
        """Stop every child, those at work included, and wait until they are gone."""
        self._closed = True
        if self._refilling is not None:
            await asyncio.gather(self._refilling, return_exceptions=True)
        children = [*self._spares, *self._busy]
        self._spares.clear()
        await asyncio.gather(*(child.stop() for child in children))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def inspect(self, path: Path, limits: AudioLimits) -> AudioInfo:
        """Look at a recording. Raises AudioRejected (with its code), AudioTooLong or FileNotFoundError."""
        job = _job("inspect", path, limits, limits.inspect_timeout_s)
        async with self._child(job) as child:
            try:
                async with asyncio.timeout(limits.inspect_timeout_s):
                    _, payload = await child.read()
            except TimeoutError:
                raise took_too_long() from None
        return AudioInfo(**json.loads(payload))

    async def decode(
        self,
        path: Path,
        limits: AudioLimits,
        *,
        sample_rate_hz: int = 16_000,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> AsyncIterator[bytes]:
        """The samples from `start_s` to `end_s` (None: the end), as s16le mono in blocks of at most 64 KiB.

        Samples are laid end to end, so that a slice is the same slice of the whole decoding, to within half
        a sample; times past the end give nothing. Raises what `inspect` raises, but does not look for a cut
        end: what is there is decoded. AudioTooLong may come after the samples up to the limit. Closing the
        iterator kills the child.
        """
        job = _job("decode", path, limits, limits.decode_budget_s, sample_rate_hz, start_s, end_s)
        left_s = limits.decode_budget_s
        async with self._child(job) as child:
            while True:
                asked = time.monotonic()
                try:
                    async with asyncio.timeout(left_s):
                        kind, block = await child.read()
                except TimeoutError:
                    raise took_too_long() from None
                left_s -= time.monotonic() - asked
                if kind == DONE:
                    return
                yield block

    @contextlib.asynccontextmanager
    async def _child(self, job: Job) -> AsyncIterator[Child]:
        async with self._slots:
            child = await self._take()
            try:
                child.give(job)
                yield child
            finally:
                await asyncio.shield(self._end(child))

    async def _take(self) -> Child:
        if self._closed:
            raise RuntimeError("the decoder is closed")
        while self._spares:
            child = self._spares.popleft()
            self._busy.add(child)
            if child.alive:
                return child
            await self._end(child)
        child = await Child.start()
        self._busy.add(child)
        return child

    async def _end(self, child: Child) -> None:
        await child.stop()
        self._busy.discard(child)
        self._refill()

    def _refill(self) -> None:
        # Only once a job is done: starting a spare takes a core for a moment, which the job wants.
        if not self._closed and (self._refilling is None or self._refilling.done()):
            self._refilling = asyncio.create_task(self._start_spares())

    async def _start_spares(self) -> None:
        with contextlib.suppress(
            OSError
        ):  # the next job starts its own child, and reports it if that fails too
            while len(self._spares) < self._wanted and not self._closed:
                self._spares.append(await Child.start())


def _job(
    action: str,
    path: Path,
    limits: AudioLimits,
    cpu_s: float,
    sample_rate_hz: int = 16_000,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Job:
    return Job(
        action=action,
        path=str(path),
        max_duration_s=limits.max_duration_s,
        max_memory_bytes=limits.max_memory_bytes,
        cpu_s=cpu_s,
        sample_rate_hz=sample_rate_hz,
        start_s=start_s,
        end_s=end_s,
    )
