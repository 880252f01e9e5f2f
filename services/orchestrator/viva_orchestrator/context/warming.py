"""Has whatever answers read a lecture before the first question.

A model server then holds its prefix, and the extractive answerer its index: an hour of lecture takes it a second.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from viva.errors import VivaError
from viva_orchestrator.context.planner import Planner
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.metrics import ContextMetrics
from viva_orchestrator.stages import Stages

# Sessions are opened in crowds when a lecture ends; the model is there for questions first.
WARMINGS_AT_ONCE = 2
WARM_S = 30.0
# A lecture that was read so short a time ago is not read again.
WARM_FOR_S = 60.0
KEPT = 1024


class Warmer:
    """Reads lectures in the background, a few at once; what does not get a place is not read in advance."""

    def __init__(self, planner: Planner, stages: Stages, metrics: ContextMetrics, *, enabled: bool) -> None:
        self._planner = planner
        self._stages = stages
        self._metrics = metrics
        self._enabled = enabled
        self._tasks: set[asyncio.Task[None]] = set()
        self._warm_until: dict[str, float] = {}

    def warm(self, transcript: Transcript) -> None:
        """Begin to warm a lecture whose transcript is final; returns at once, and nobody waits for it."""
        if not self._enabled or transcript.status != "ready" or not transcript.segments:
            return
        now = time.monotonic()
        if self._warm_until.get(transcript.lecture_id, 0.0) > now:
            return
        if len(self._tasks) >= WARMINGS_AT_ONCE:
            self._metrics.warmings.labels("skipped").inc()
            return
        if len(self._warm_until) >= KEPT:
            self._warm_until = {lecture: until for lecture, until in self._warm_until.items() if until > now}
        self._warm_until[transcript.lecture_id] = now + WARM_FOR_S
        task = asyncio.create_task(self._read(transcript))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _read(self, transcript: Transcript) -> None:
        try:
            async with asyncio.timeout(WARM_S):
                context = await self._planner.plan(transcript, (), patient=True)
                messages, quoted = list(context.lead.messages), await self._planner.quotes_only()
                await self._stages.read_ahead(messages, lecture_id=transcript.lecture_id, quoted=quoted)
        except (VivaError, TimeoutError) as error:
            self._warm_until.pop(transcript.lecture_id, None)
            self._metrics.warmings.labels("failed").inc()
            structlog.get_logger().debug("lecture not read ahead", code=getattr(error, "code", "timeout"))
        else:
            self._metrics.warmings.labels("done").inc()
