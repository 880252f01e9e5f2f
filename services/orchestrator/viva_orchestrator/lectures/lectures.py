"""The lectures of this installation, as the routes and the turn see them. Any replica answers for all.

Redis holds what is being worked on, the object store what must last. Where Redis does not know a lecture that the
object store has, its record is made again, and queued again when it was never finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator

import redis.asyncio as redis
from prometheus_client import CollectorRegistry

from viva.audio import Decoder
from viva.errors import Conflict, InvalidRequest, NotFound, Overloaded, StageUnavailable
from viva.passages import Segment
from viva.service.tracing import NO_TRACER, Tracer
from viva.service.upstream import Upstream
from viva_orchestrator.lectures.archive import Archive, dump_segments
from viva_orchestrator.lectures.housekeeping import Housekeeping
from viva_orchestrator.lectures.intake import Intake
from viva_orchestrator.lectures.jobs import Jobs
from viva_orchestrator.lectures.metrics import LectureMetrics
from viva_orchestrator.lectures.model import Lecture, Transcript, is_lecture_id
from viva_orchestrator.lectures.recogniser import Recogniser
from viva_orchestrator.lectures.records import Records
from viva_orchestrator.lectures.settings import LectureSettings
from viva_orchestrator.lectures.slices import AudioSlice
from viva_orchestrator.lectures.transcription import Tools
from viva_orchestrator.lectures.upload_keys import UploadKeys
from viva_orchestrator.lectures.uploads import Uploads
from viva_orchestrator.lectures.workers import Workers
from viva_orchestrator.objects import ObjectStore

# How often a stream of progress looks for news, and how long it stays silent at most, so that proxies keep it open.
WATCH_S = 0.5
SILENCE_S = 15.0


class Lectures:
    """Finds, lists, transcribes and deletes lectures (`intake` adds them); open between `start` and `close`.

    Methods raise `NotFound` for an unknown or deleted lecture, and `StageUnavailable` ("redis", "object_store").
    """

    def __init__(
        self,
        client: redis.Redis,
        objects: ObjectStore,
        asr: Upstream,
        decoder: Decoder,
        settings: LectureSettings,
        *,
        registry: CollectorRegistry | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._objects = objects
        self._settings = settings
        self.max_bytes = settings.lecture_max_bytes
        self.temp_dir = settings.temp_dir
        self._metrics = LectureMetrics(registry)
        self._archive = Archive(objects)
        self._records = Records(client, transcript_cache_s=settings.transcript_cache_s)
        self._ready: OrderedDict[str, tuple[Lecture, tuple[Segment, ...]]] = OrderedDict()
        self.uploads = Uploads(
            client,
            objects,
            expires_s=settings.upload_expires_s,
            max_bytes=settings.lecture_max_bytes,
            temp_dir=settings.temp_dir,
        )
        recogniser = Recogniser(asr, model=settings.asr_model, timeout_s=settings.transcribe_piece_timeout_s)
        tools = Tools(objects, self._archive, self._records, recogniser, decoder, settings, self._metrics, tracer)
        self._workers = Workers(Jobs(client, lease_s=settings.transcribe_lease_s), tools)
        self._housekeeping = Housekeeping(self._records, self._archive, self.uploads, self._metrics)
        self.intake = Intake(tools, self.uploads, UploadKeys(client), find=self.get, wake=self._workers.wake)

    async def start(self) -> None:
        """Begin to transcribe what waits."""
        self._workers.start()
        self._housekeeping.start()

    async def close(self) -> None:
        """Stop; what is unfinished goes on in another replica, or here after the next start."""
        await self._housekeeping.close()
        await self._workers.close()

    async def get(self, lecture_id: str) -> Lecture:
        """The record of a lecture."""
        _known(lecture_id)
        try:
            lecture = await self._records.get(lecture_id)
        except StageUnavailable:
            return await self._without_redis(lecture_id)
        return lecture or await self._restore(lecture_id)

    async def transcript(self, lecture_id: str) -> Transcript:
        """What is known of a lecture's words, growing until its status is `ready` or `failed`."""
        lecture, segments = await self.read(lecture_id)
        return Transcript(
            lecture_id,
            lecture.title,
            lecture.status,
            lecture.duration_s,
            lecture.transcribed_s,
            segments,
            lecture.error,
            lecture.error_code,
        )

    async def read(self, lecture_id: str) -> tuple[Lecture, tuple[Segment, ...]]:
        """The record of a lecture and the segments that go with it.

        One round trip to Redis; from memory, or the object store, when Redis is away and the lecture is ready.
        """
        _known(lecture_id)
        held = self._ready.get(lecture_id)
        try:
            if held is not None:
                lecture, segments = await self._records.get(lecture_id), held[1]
            else:
                lecture, segments = await self._records.read(lecture_id)
        except NotFound:
            self._ready.pop(lecture_id, None)
            raise
        except StageUnavailable:
            if held is not None:
                return held
            lecture, segments = await self._without_redis(lecture_id), None
        if lecture is None:
            lecture, segments = await self._restore(lecture_id), None
        if segments is None:
            segments = held[1] if held is not None else await self._archived_segments(lecture)
        if lecture.status == "ready":
            self._remember(lecture, segments)
        return lecture, segments

    async def page(self, limit: int, after: str | None = None, sha256: str | None = None) -> tuple[list[Lecture], bool]:
        """Up to `limit` lectures, newest first, those older than the id `after`; and whether there are more.

        With `sha256` only those made of the recording with this hash.
        """
        if after is not None and not is_lecture_id(after):
            raise InvalidRequest("after must be the lecture_id of the last lecture of a page.", param="after")
        await self._housekeeping.complete_list()
        ids = await self._records.page(limit + 1, after, sha256)
        found = await self._records.get_many(ids[:limit])
        return [lecture for lecture in found if lecture is not None], len(ids) > limit

    async def audio(self, lecture_id: str, start_s: float | None, end_s: float | None) -> AudioSlice:
        """A stretch of the recording as WAV. Raises `Conflict` while it has not been decoded yet."""
        lecture = await self.get(lecture_id)
        audio = await AudioSlice.open(self._objects, lecture_id, start_s, end_s)
        if audio is not None:
            return audio
        if lecture.status == "failed":
            raise Conflict("The recording of this lecture could not be decoded.", code="lecture_failed")
        raise Conflict("The recording is still being decoded; try again in a moment.", code="lecture_not_ready")

    async def watch(self, lecture_id: str, stopping: asyncio.Event) -> AsyncIterator[Transcript]:
        """The transcript now, and again whenever there is more of it (or every SILENCE_S), until ready or failed.

        Ends with `NotFound` when the lecture is deleted meanwhile, and with `Overloaded` once `stopping` is set.
        """
        shown: Lecture | None = None
        shown_at = 0.0
        while True:
            lecture = await self.get(lecture_id)
            if lecture != shown or time.monotonic() - shown_at > SILENCE_S:
                transcript = await self.transcript(lecture_id)
                yield transcript
                if transcript.finished:  # it may be further than the record was a moment before
                    return
                shown, shown_at = lecture, time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCH_S):
                    await stopping.wait()
            if stopping.is_set():
                raise Overloaded("This server is stopping; connect again to follow on.", code="shutting_down")

    async def delete(self, lecture_id: str) -> None:
        """Delete a lecture and all that was made of it; whoever transcribes it stops. Repeating it is harmless."""
        _known(lecture_id)
        if not await self._records.is_buried(lecture_id):
            await self.get(lecture_id)
            await self._records.bury(lecture_id)
            self._metrics.lectures.labels("deleted").inc()
        self._ready.pop(lecture_id, None)
        await self._archive.delete(lecture_id)

    async def _restore(self, lecture_id: str) -> Lecture:
        lecture = await self._archived(lecture_id)
        await self._records.create(lecture)
        self._workers.wake()
        # Another replica may have been first, and further.
        return await self._records.get(lecture_id) or lecture

    async def _without_redis(self, lecture_id: str) -> Lecture:
        lecture = await self._archived(lecture_id)
        if lecture.status != "ready":
            raise StageUnavailable("redis", "How far this lecture is cannot be told just now; try again.")
        return lecture

    async def _archived(self, lecture_id: str) -> Lecture:
        try:
            return await self._archive.read_lecture(lecture_id)
        except NotFound as error:
            raise _no_lecture() from error

    async def _archived_segments(self, lecture: Lecture) -> tuple[Segment, ...]:
        if lecture.status != "ready":
            return ()
        segments = await self._archive.read_segments(lecture.lecture_id)
        try:
            await self._records.keep_transcript(lecture.lecture_id, dump_segments(segments))
        except StageUnavailable:
            return segments
        return segments

    def _remember(self, lecture: Lecture, segments: tuple[Segment, ...]) -> None:
        self._ready[lecture.lecture_id] = lecture, segments
        self._ready.move_to_end(lecture.lecture_id)
        while len(self._ready) > self._settings.transcripts_in_memory:
            self._ready.popitem(last=False)


def _known(lecture_id: str) -> None:
    if not is_lecture_id(lecture_id):
        raise _no_lecture()


def _no_lecture() -> NotFound:
    return NotFound("There is no such lecture.", param="lecture_id")
