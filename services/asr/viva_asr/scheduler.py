"""Who is recognised next: questions first, then words that are still being spoken, then lectures; each kind bounded."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from viva.errors import Overloaded
from viva_asr.engine import Options, Worker
from viva_asr.metrics import BATCH, INTERACTIVE, PARTIAL, AsrMetrics, Kind, kind_of
from viva_asr.segmenter import Speech
from viva_asr.transcript import Hypothesis

_GUESSED_SPEED = 10.0
"""Audio seconds per second of one worker, until something has been measured."""


@dataclass(slots=True, eq=False)
class _Job:
    """One stretch of speech on its way through a worker."""

    speech: Speech
    options: Options
    kind: Kind
    result: "asyncio.Future[Hypothesis]"
    queued_at: float = field(default_factory=time.monotonic)


class Ticket:
    """The admission of one recording; leaving the `with` block gives its share of the queue back."""

    def __init__(self, scheduler: "Scheduler", duration_s: float, interactive: bool) -> None:
        self._scheduler = scheduler
        self._duration_s = duration_s
        self.interactive = interactive
        self.remaining_s = duration_s
        """Seconds of it that have not been recognised yet."""

    @property
    def window(self) -> int:
        """How many segments should be in flight, so that no worker waits for the next."""
        return self._scheduler.window

    def submit(self, speech: Speech, options: Options) -> "asyncio.Future[Hypothesis]":
        """Queue one stretch of speech; cancelling the future stops its work."""
        return self._scheduler.submit(speech, options, kind_of(self.interactive))

    def progress(self, up_to_s: float) -> None:
        """Note that the recording has been recognised up to here, in seconds."""
        self.remaining_s = max(0.0, min(self.remaining_s, self._duration_s - up_to_s))
        self._scheduler.measure()

    def __enter__(self) -> "Ticket":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._scheduler.leave(self)


class Scheduler:
    """Hands the segments of all recordings to an engine's workers, from a queue for each kind."""

    def __init__(
        self,
        workers: Sequence[Worker],
        metrics: AsrMetrics,
        *,
        max_queued_s: float,
        max_queued_interactive_s: float,
        max_batch_recordings: int = 24,
    ) -> None:
        # Those kept for interactive segments come first, so that the others stay free for the rest.
        self._workers = sorted(workers, key=lambda worker: not worker.reserved)
        self._idle = set(self._workers)
        self._metrics = metrics
        self._max_batch_recordings = max_batch_recordings
        self._limits_s = {True: max_queued_interactive_s, False: max_queued_s}
        self._queues: dict[Kind, deque[_Job]] = {kind: deque() for kind in (INTERACTIVE, PARTIAL, BATCH)}
        ordinary = [worker for worker in self._workers if not worker.reserved]
        # One worker is left out where there are several: together with the reserved one it is there for questions.
        self._partial_workers = set(ordinary[1:] or ordinary)
        self._partials: set[_Job] = set()
        self._finals = 0  # questions' stretches that are being recognised
        self._did_partials: set[Worker] = set()
        self._tickets: set[Ticket] = set()
        self._tasks: set[asyncio.Task] = set()
        self._speed = _GUESSED_SPEED
        self._closed = False

    async def close(self) -> None:
        """Cancel what is being recognised and what waits."""
        self._closed = True
        for queue in self._queues.values():
            while queue:
                queue.popleft().result.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def window(self) -> int:
        """How many segments of one recording should be in flight, so that no worker waits for the next."""
        return 2 + 2 * sum(worker.batch_size for worker in self._workers if not worker.reserved)

    @property
    def recordings(self) -> int:
        """How many recordings are being transcribed."""
        return len(self._tickets)

    @property
    def _batch_recordings(self) -> int:
        return sum(not ticket.interactive for ticket in self._tickets)

    def queued_s(self, interactive: bool) -> float:
        """Seconds of admitted audio of this kind that have not been recognised yet."""
        return sum(ticket.remaining_s for ticket in self._tickets if ticket.interactive == interactive)

    def admit(self, duration_s: float, *, interactive: bool) -> Ticket:
        """Let a recording in. Raises Overloaded when too much of its kind waits; an empty queue takes any length."""
        queued_s = self.queued_s(interactive)
        if queued_s > 0 and queued_s + duration_s > self._limits_s[interactive]:
            raise self._refusal("queued_audio", queued_s)
        if not interactive and self._batch_recordings >= self._max_batch_recordings:
            raise self._refusal("recordings", queued_s)
        ticket = Ticket(self, duration_s, interactive)
        self._tickets.add(ticket)
        self._metrics.audio.labels(kind_of(interactive)).inc(duration_s)
        self.measure()
        return ticket

    def require_room(self, *, interactive: bool) -> None:
        """Raises Overloaded when a recording of any length would be refused: asked before it is read."""
        if (queued_s := self.queued_s(interactive)) >= self._limits_s[interactive]:
            raise self._refusal("queued_audio", queued_s)
        if not interactive and self._batch_recordings >= self._max_batch_recordings:
            raise self._refusal("recordings", queued_s)

    def _refusal(self, reason: str, queued_s: float) -> Overloaded:
        self._metrics.shed.labels(reason).inc()
        wait_s = queued_s / (self._speed * max(1, len(self._workers)))
        return Overloaded(
            "Too much audio is waiting to be transcribed; try again later.",
            retry_after_s=min(max(wait_s, 1.0), 300.0),
        )

    def leave(self, ticket: Ticket) -> None:
        """Forget a recording that has ended or whose client has left."""
        self._tickets.discard(ticket)
        self.measure()

    def measure(self) -> None:
        """Bring the gauges up to date."""
        for interactive in (True, False):
            self._metrics.queued_audio.labels(kind_of(interactive)).set(self.queued_s(interactive))

    def submit(self, speech: Speech, options: Options, kind: Kind) -> "asyncio.Future[Hypothesis]":
        """Queue one stretch of speech."""
        job = self._queue(speech, options, kind)
        self._dispatch()
        if kind == INTERACTIVE and self._queues[INTERACTIVE]:
            self._make_way()
        return job.result

    def offer_partial(self, speech: Speech, options: Options) -> "asyncio.Future[Hypothesis] | None":
        """Queue speech that goes on, or return None when no worker can be spared: the next try has more of it.

        Finals are never kept waiting: they are taken first, one worker more than the reserved one is left to them
        where there are several, and when even that is not enough they push a partial out. Nor are they slowed down
        on a machine that has few cores: while they are recognised there are as many partials fewer.
        """
        places = sum(worker.batch_size for worker in self._partial_workers)
        if self._queues[INTERACTIVE] or len(self._partials) + self._finals >= places:
            return None
        job = self._queue(speech, options, PARTIAL)
        self._partials.add(job)
        job.result.add_done_callback(lambda _: self._partials.discard(job))
        self._dispatch()
        return job.result

    def _queue(self, speech: Speech, options: Options, kind: Kind) -> _Job:
        job = _Job(speech, options, kind, asyncio.get_running_loop().create_future())
        self._queues[kind].append(job)
        return job

    def _make_way(self) -> None:
        """Stop the partials, for finals that no worker is free for."""
        for job in list(self._partials):
            job.result.cancel()

    def _dispatch(self) -> None:
        """Give every idle worker what it may take."""
        for worker in self._workers:
            if worker not in self._idle:
                continue
            batch = self._next_batch(worker)
            if not batch:
                continue
            self._idle.discard(worker)
            task = asyncio.create_task(self._recognise(worker, batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next_batch(self, worker: Worker) -> list[_Job]:
        """Take the oldest job of the first kind that waits, and those behind it that can share its batch."""
        for kind in self._kinds(worker):
            queue = self._queues[kind]
            batch: list[_Job] = []
            while queue and len(batch) < worker.batch_size:
                if queue[0].result.cancelled():
                    queue.popleft()
                elif batch and queue[0].options != batch[0].options:
                    break
                else:
                    batch.append(queue.popleft())
            if batch:
                self._remember(worker, kind)
                return batch
        return []

    def _kinds(self, worker: Worker) -> tuple[Kind, ...]:
        """What this worker may take, in this order."""
        if worker.reserved:
            return (INTERACTIVE,)
        if worker not in self._partial_workers:
            return (INTERACTIVE, BATCH)
        # In turns: the words of many who speak would keep lectures waiting for ever.
        return (INTERACTIVE, BATCH, PARTIAL) if worker in self._did_partials else (INTERACTIVE, PARTIAL, BATCH)

    def _remember(self, worker: Worker, kind: Kind) -> None:
        if kind == PARTIAL:
            self._did_partials.add(worker)
        elif kind == BATCH:
            self._did_partials.discard(worker)

    async def _recognise(self, worker: Worker, batch: list[_Job]) -> None:
        started = time.monotonic()
        for job in batch:
            self._metrics.queue_wait.labels(job.kind).observe(started - job.queued_at)
        finals = sum(job.kind == INTERACTIVE for job in batch)
        self._finals += finals
        call = asyncio.ensure_future(worker.transcribe([job.speech for job in batch], batch[0].options))

        def stop_when_all_left(_: asyncio.Future) -> None:
            if all(job.result.done() for job in batch):
                call.cancel()

        for job in batch:
            job.result.add_done_callback(stop_when_all_left)
        try:
            hypotheses = await call
        except asyncio.CancelledError:
            for job in batch:
                job.result.cancel()
        except Exception as error:
            for job in batch:
                if not job.result.done():
                    job.result.set_exception(error)
        else:
            self._settle(batch, hypotheses, time.monotonic() - started)
        finally:
            self._finals -= finals
        if not self._closed:
            # Whoever is next goes to a worker that is free, not to one that only has been told to stop.
            await worker.settle()
        self._idle.add(worker)
        self._dispatch()

    def _settle(self, batch: list[_Job], hypotheses: list[Hypothesis], took_s: float) -> None:
        for job, hypothesis in zip(batch, hypotheses, strict=True):
            self._metrics.segments.labels(job.kind).inc()
            if not job.result.done():
                job.result.set_result(hypothesis)
        self._metrics.engine_time.observe(took_s)
        audio_s = sum(job.speech.duration_s for job in batch)
        self._speed += 0.1 * (audio_s / max(took_s, 1e-3) - self._speed)
