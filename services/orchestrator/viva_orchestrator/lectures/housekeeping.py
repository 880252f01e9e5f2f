"""What a replica does now and then: fill the list after Redis was emptied, show the queue, sweep old uploads."""

from __future__ import annotations

import asyncio
import random

import structlog

from viva.errors import NotFound, VivaError
from viva_orchestrator.lectures.archive import Archive
from viva_orchestrator.lectures.cancelling import cancel_all
from viva_orchestrator.lectures.metrics import LectureMetrics
from viva_orchestrator.lectures.model import is_lecture_id
from viva_orchestrator.lectures.records import Records
from viva_orchestrator.lectures.uploads import Uploads

ROUND_S = 5.0
SWEEP_EVERY_ROUNDS = 120


class Housekeeping:
    """One task per replica, between `start` and `close`. That several replicas do the same is harmless."""

    def __init__(self, records: Records, archive: Archive, uploads: Uploads, metrics: LectureMetrics) -> None:
        self._records = records
        self._archive = archive
        self._uploads = uploads
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with the first round."""
        self._task = asyncio.create_task(self._rounds())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            await cancel_all([self._task])
            self._task = None

    async def complete_list(self) -> None:
        """List, and queue where unfinished, the lectures of the object store, unless Redis has them all.

        So a transcription that was running when Redis was emptied goes on, too.
        """
        if await self._records.list_is_complete():
            return
        for lecture_id in filter(is_lecture_id, await self._archive.lecture_ids()):
            try:
                await self._records.create(await self._archive.read_lecture(lecture_id))
            except NotFound:
                continue  # deleted meanwhile, or never whole
            except (ValueError, KeyError, TypeError):
                # One record that cannot be read must not hide the others.
                structlog.get_logger().warning("lecture.json cannot be read", lecture_id=lecture_id)
        await self._records.mark_list_complete()

    async def _rounds(self) -> None:
        number = 0
        while True:
            try:
                await self.complete_list()
                self._metrics.show(await self._records.waiting(), *await self._records.counts())
                if number % SWEEP_EVERY_ROUNDS == 0:
                    await self._uploads.sweep()
            except VivaError as error:
                structlog.get_logger().debug("housekeeping put off", code=error.code)
            except Exception:
                structlog.get_logger().exception("housekeeping failed")
            number += 1
            await asyncio.sleep(ROUND_S * random.uniform(0.8, 1.2))
