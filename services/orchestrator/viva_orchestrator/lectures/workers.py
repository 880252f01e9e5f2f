"""The workers of one replica: they lease lectures, transcribe them, and say so while they live."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time

import structlog

from viva.errors import StageUnavailable, VivaError
from viva_orchestrator.lectures.cancelling import cancel_all
from viva_orchestrator.lectures.jobs import Jobs, Lease, LeaseLost
from viva_orchestrator.lectures.model import Lecture
from viva_orchestrator.lectures.records import FAILED, QUEUE, record_key
from viva_orchestrator.lectures.transcription import Tools, Transcription

# How often an idle worker looks for work of other replicas; its own replica wakes it at once.
POLL_S = 1.0
# Signs of life per lease: several may fail before another replica takes over.
BEATS_PER_LEASE = 6
# Starts without a single piece finished, after which the recording is held to be what stops the workers.
MAX_ATTEMPTS = 5


class Workers:
    """Runs up to `transcribe_workers` transcriptions at once, between `start` and `close`."""

    def __init__(self, jobs: Jobs, tools: Tools) -> None:
        self._jobs = jobs
        self._tools = tools
        self._settings = tools.settings
        self._metrics = tools.metrics
        self._log = structlog.get_logger()
        self._work_waits = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    def start(self) -> None:
        """Begin to take lectures."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._settings.transcribe_workers)]

    async def close(self) -> None:
        """Stop, and give back what is unfinished, so that another replica goes on at once."""
        self._closing = True
        await cancel_all(self._tasks)
        self._tasks = []

    def wake(self) -> None:
        """Say that a lecture has been queued."""
        self._work_waits.set()

    async def _work(self) -> None:
        while not self._closing:
            lease = None
            with contextlib.suppress(VivaError):  # Redis is away: look again after the pause
                lease = await self._jobs.take()
            if lease is not None:
                await self._transcribe(lease)
                continue
            self._work_waits.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S * random.uniform(0.5, 1.5)):
                    await self._work_waits.wait()

    async def _transcribe(self, lease: Lease) -> None:
        started = time.monotonic()
        log = self._log.bind(lecture_id=lease.lecture_id)
        try:
            lecture = await self._tools.records.get(lease.lecture_id)
            if lecture is not None:
                with self._tools.tracer.begin("transcription", lecture_id=lease.lecture_id, attempt=lease.attempts):
                    await self._run(lecture, lease)
                self._metrics.lectures.labels("ready").inc()
                self._metrics.transcription_seconds.observe(time.monotonic() - started)
                log.info("lecture ready", seconds=round(time.monotonic() - started, 1))
        except asyncio.CancelledError:
            with contextlib.suppress(VivaError, LeaseLost):
                await lease.give_back()
            raise
        except LeaseLost:
            log.info("transcription lost to another worker or deleted")
            await self._clean_up(lease.lecture_id)
        except VivaError as error:
            log.warning("transcription failed", code=error.code, reason=error.message)
            # Without Redis nothing can be noted: the lease runs out, and the lecture is taken up where it was.
            if not (isinstance(error, StageUnavailable) and error.stage == "redis"):
                await self._fail(lease, error)
        except Exception:
            # A mistake of ours: the lease runs out and the lecture is tried again, MAX_ATTEMPTS times at most.
            log.exception("transcription broke off")

    async def _run(self, lecture: Lecture, lease: Lease) -> None:
        if lease.attempts > MAX_ATTEMPTS:
            raise VivaError("Every attempt to transcribe this recording broke off.", code="transcription_failed")
        if lease.attempts > 1 or lecture.transcribed_s:
            self._metrics.lectures.labels("taken_over").inc()
        try:
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat(lease))
                await Transcription(lecture, lease, self._tools).run()
                beating.cancel()
        except BaseExceptionGroup as group:
            # What fails while we close is no fault of the recording. Task.cancelling() does not tell: before Python
            # 3.12 a TaskGroup leaves it raised when a task fails after the block has ended.
            if self._closing:
                raise asyncio.CancelledError from group
            raise _first(group) from group

    async def _beat(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(self._settings.transcribe_lease_s / BEATS_PER_LEASE)
            with contextlib.suppress(VivaError):  # Redis is away: the writes of the transcription wait for it too
                await lease.write()

    async def _fail(self, lease: Lease, error: VivaError) -> None:
        sentence = error.message
        if error.retryable:
            minutes = self._settings.transcribe_retry_s / 60
            sentence = f"The transcription was given up after {minutes:.0f} minutes of trying. Last: {sentence}"
        record = record_key(lease.lecture_id)
        commands = (
            ("HSET", record, "status", "failed", "error", sentence, "error_code", error.code),
            ("ZREM", QUEUE, lease.lecture_id),
            ("SADD", FAILED, lease.lecture_id),
        )
        try:
            await lease.write(*commands, ("HDEL", record, "owner", "attempts"))
            self._metrics.lectures.labels("failed").inc()
        except LeaseLost:
            await self._clean_up(lease.lecture_id)
        except VivaError:
            self._log.warning("a failed transcription could not be noted", lecture_id=lease.lecture_id)

    async def _clean_up(self, lecture_id: str) -> None:
        """What this worker wrote after the lecture was deleted goes too."""
        with contextlib.suppress(VivaError):
            if await self._tools.records.is_buried(lecture_id):
                await self._tools.archive.delete(lecture_id)


def _first(group: BaseExceptionGroup) -> BaseException:
    """The first error of a group; a lost lease before any other, since what else failed may follow from it."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += [_first(error)] if isinstance(error, BaseExceptionGroup) else [error]
    return next((leaf for leaf in leaves if isinstance(leaf, LeaseLost)), leaves[0])
