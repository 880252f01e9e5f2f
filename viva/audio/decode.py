"""Reading recordings that may be anything: each is opened by a child process with limits.

FFmpeg reads dozens of formats and is fed by strangers, so it never runs in a service's own process. A
child serves one file and ends. The one exception is a plain WAV in memory, in which nothing has to be decoded
(plain_wav.py). A child is forked from a process that has FFmpeg loaded already, because loading
it takes fifty times longer than reading a question does (docs/decisions/0004-decoding.md).
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Self

from viva.audio.child import Child, took_too_long
from viva.audio.info import AudioInfo, AudioLimits
from viva.audio.job import DECODE, DONE, INSPECT, READ, Job
from viva.audio.plain_wav import PlainWav, plain_wav
from viva.audio.recording import Recording, descriptor
from viva.audio.template import Template
from viva.errors import Overloaded


class Decoder:
    """Inspects and decodes recordings in child processes; one for each service, opened in its lifespan.

    One more process waits to be forked into children (about 35 MB, which they share); should it die, the
    next job starts another, and jobs at work raise Overloaded. At most `max_children` work at once; more
    callers than that wait for `max_wait_s` seconds at most, then raise Overloaded: a child is held as long as its
    reader takes, which may be hours.
    """

    def __init__(self, *, max_children: int = 32, max_wait_s: float = 10.0) -> None:
        self._template: Template | None = None
        self._changing = asyncio.Lock()
        self._slots = asyncio.Semaphore(max_children)
        self._max_wait_s = max_wait_s
        self._closed = False

    async def start(self) -> None:
        """Start the process that is forked into children. Raises RuntimeError when it does not come up."""
        async with self._changing:
            self._template = await Template.start()

    async def close(self) -> None:
        """Stop every child, those at work included, and wait until they are gone."""
        self._closed = True
        async with self._changing:
            if self._template is not None:
                await self._template.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def inspect(self, recording: Recording, limits: AudioLimits) -> AudioInfo:
        """Look at a recording. Raises AudioRejected (with its code), AudioTooLong, FileNotFoundError or Overloaded."""
        if plain := _plain(recording, limits):
            return plain.info
        job = _job(INSPECT, recording, limits, limits.inspect_timeout_s)
        async with self._child(job, recording) as child:
            return await _info(child, limits)

    @contextlib.asynccontextmanager
    async def read(
        self, recording: Recording, limits: AudioLimits, *, sample_rate_hz: int = 16_000
    ) -> AsyncIterator[tuple[AudioInfo, AsyncIterator[bytes]]]:
        """What `inspect` says and what `decode` gives, from one child: for a short recording that is half the work.

        Raises what both raise. Leaving the context kills the child.
        """
        if (plain := _plain(recording, limits)) and plain.is_mono_at(sample_rate_hz):
            yield plain.info, _plain_blocks(plain)
            return
        job = _job(READ, recording, limits, limits.inspect_timeout_s + limits.decode_budget_s, sample_rate_hz)
        async with self._child(job, recording) as child:
            info = await _info(child, limits)
            async with contextlib.aclosing(_blocks(child, limits)) as blocks:
                yield info, blocks

    async def decode(
        self,
        recording: Recording,
        limits: AudioLimits,
        *,
        sample_rate_hz: int = 16_000,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> AsyncIterator[bytes]:
        """The samples from `start_s` to `end_s` (None: the end), as s16le mono in blocks.

        Samples are laid end to end, so that a slice is the same slice of the whole decoding, to within half
        a sample; times past the end give nothing. Raises what `inspect` raises, but does not look for a cut
        end: what is there is decoded. AudioTooLong may come after the samples up to the limit. Closing the
        iterator kills the child.
        """
        job = _job(DECODE, recording, limits, limits.decode_budget_s, sample_rate_hz, start_s, end_s)
        async with self._child(job, recording) as child, contextlib.aclosing(_blocks(child, limits)) as blocks:
            async for block in blocks:
                yield block

    @contextlib.asynccontextmanager
    async def _child(self, job: Job, recording: Recording) -> AsyncIterator[Child]:
        async with self._slot():
            with descriptor(recording) as opened:
                template, child = await self._fork(job, opened)
            try:
                yield child
            finally:
                await asyncio.shield(template.reclaim(child))

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._max_wait_s):
                await self._slots.acquire()
        except TimeoutError:
            message = "Too many recordings are being read; try again later."
            raise Overloaded(message, retry_after_s=self._max_wait_s) from None
        try:
            yield
        finally:
            self._slots.release()

    async def _fork(self, job: Job, recording: int | None) -> tuple[Template, Child]:
        async with self._changing:
            if self._closed:
                raise RuntimeError("the decoder is closed")
            if self._template is not None:
                with contextlib.suppress(ConnectionError):
                    return self._template, self._template.fork(job, recording)
                await self._template.close()
                self._template = None
            self._template = await Template.start()
            return self._template, self._template.fork(job, recording)


def _plain(recording: Recording, limits: AudioLimits) -> PlainWav | None:
    return plain_wav(recording, limits.max_duration_s) if isinstance(recording, bytes) else None


async def _plain_blocks(plain: PlainWav) -> AsyncIterator[bytes]:
    for block in plain.blocks():
        yield block


async def _info(child: Child, limits: AudioLimits) -> AudioInfo:
    try:
        async with asyncio.timeout(limits.inspect_timeout_s):
            _, payload = await child.read()
    except TimeoutError:
        raise took_too_long() from None
    return AudioInfo(**json.loads(payload))


async def _blocks(child: Child, limits: AudioLimits) -> AsyncIterator[bytes]:
    left_s = limits.decode_budget_s
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


def _job(
    action: str,
    recording: Recording,
    limits: AudioLimits,
    cpu_s: float,
    sample_rate_hz: int = 16_000,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Job:
    return Job(
        action=action,
        path=None if isinstance(recording, bytes) else str(recording),
        max_duration_s=limits.max_duration_s,
        max_memory_bytes=limits.max_memory_bytes,
        cpu_s=cpu_s,
        sample_rate_hz=sample_rate_hz,
        start_s=start_s,
        end_s=end_s,
    )
