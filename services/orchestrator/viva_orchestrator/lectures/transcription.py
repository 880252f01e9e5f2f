"""One lecture from recording to transcript, top to bottom. Whatever is finished is never done again.

Every step is either repeatable with the same result (decoding, cutting) or kept in Redis under the lease (the
segments of a piece), so another worker can carry on from any point at which this one was stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from viva.audio import AudioLimits, Decoder
from viva.audio.wav import wav_header
from viva.errors import AudioRejected
from viva.passages import Segment
from viva.service.tracing import Tracer, current_span
from viva_orchestrator.lectures.archive import Archive, dump_segments, key_of
from viva_orchestrator.lectures.cutting import cut_point
from viva_orchestrator.lectures.jobs import Lease
from viva_orchestrator.lectures.metrics import LectureMetrics
from viva_orchestrator.lectures.model import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE_HZ,
    WAV_HEADER_BYTES,
    Lecture,
    sample_byte,
    samples_in,
)
from viva_orchestrator.lectures.patience import Patience
from viva_orchestrator.lectures.recogniser import Recogniser
from viva_orchestrator.lectures.records import (
    QUEUE,
    Records,
    cuts_key,
    pieces_key,
    record_key,
    transcript_key,
)
from viva_orchestrator.lectures.settings import LectureSettings
from viva_orchestrator.lectures.spool import spooling, temporary_folder
from viva_orchestrator.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the recording; `start` and `end` are samples, `pcm` is 16-bit mono."""

    number: int
    start: int
    end: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Tools:
    """What every transcription of a replica works with."""

    objects: ObjectStore
    archive: Archive
    records: Records
    recogniser: Recogniser
    decoder: Decoder
    settings: LectureSettings
    metrics: LectureMetrics
    tracer: Tracer


class Transcription:
    """The transcription of one lecture under one lease.

    `run` raises `LeaseLost` when the lecture is no longer ours, and a `VivaError` when it cannot be transcribed.
    """

    def __init__(self, lecture: Lecture, lease: Lease, tools: Tools) -> None:
        self._lecture = lecture
        self._lease = lease
        self._tools = tools
        self._patience = Patience(tools.settings.transcribe_retry_s, tools.metrics.retries)
        self._cuts: list[int] = []
        self._done: set[int] = set()

    async def run(self) -> None:
        """Decode, cut, transcribe what is missing, and make the lecture ready."""
        total = await self._patience.keep_trying(self._samples)
        if total == 0:
            raise AudioRejected("The recording holds no sound.", code="audio_empty")
        self._lecture = replace(self._lecture, duration_s=total / SAMPLE_RATE_HZ)
        record = record_key(self._lecture.lecture_id)
        await self._write(("HSET", record, "duration_s", repr(self._lecture.duration_s)))
        self._cuts, self._done = await self._patience.keep_trying(self._lease.plan)
        await self._transcribe_missing(total)
        await self._finish()

    async def _samples(self) -> int:
        """The length of audio.wav in samples, after making it when it is not there."""
        objects, lecture_id = self._tools.objects, self._lecture.lecture_id
        key = key_of(lecture_id, "audio.wav")
        if not await objects.exists(key):
            with current_span().stage("decode"):
                await self._make_wav(lecture_id, key)
        return samples_in(await objects.size(key))

    async def _make_wav(self, lecture_id: str, key: str) -> None:
        async with temporary_folder(self._tools.settings.temp_dir) as folder:
            await self._fetch(key_of(lecture_id, "original"), folder / "original")
            await self._decode(folder / "original", folder / "audio.wav")
            await self._tools.objects.put_file(key, folder / "audio.wav")

    async def _fetch(self, key: str, path: Path) -> None:
        async with spooling(path) as file:
            async for block in self._tools.objects.stream(key):
                await file.write(block)
            await file.close()

    async def _decode(self, source: Path, target: Path) -> None:
        limits = AudioLimits(max_duration_s=self._tools.settings.lecture_max_s)
        async with spooling(target) as file:
            await file.write(bytes(WAV_HEADER_BYTES))
            async with aclosing(self._tools.decoder.decode(source, limits)) as blocks:
                async for block in blocks:
                    await file.write(block)
            await file.close(header=wav_header(samples_in(file.written), SAMPLE_RATE_HZ))

    async def _transcribe_missing(self, total: int) -> None:
        free = asyncio.Semaphore(self._tools.settings.transcribe_pieces_at_once)

        async def transcribe(piece: Piece) -> None:
            try:
                await self._transcribe(piece)
            finally:
                free.release()

        async with asyncio.TaskGroup() as tasks:
            await free.acquire()
            async for piece in self._missing_pieces(total):
                tasks.create_task(transcribe(piece))
                # The next piece is read only once there is room for it, so that as few as can be are in memory.
                await free.acquire()

    async def _missing_pieces(self, total: int) -> AsyncIterator[Piece]:
        for number, (start, end) in enumerate(zip([0, *self._cuts], list(self._cuts), strict=False)):
            if number not in self._done:
                yield Piece(number, start, end, await self._audio(start, end))
        start = self._cuts[-1] if self._cuts else 0
        while start < total:
            piece = await self._cut(start, total)
            yield piece
            start = piece.end

    async def _cut(self, start: int, total: int) -> Piece:
        longest = round(self._tools.settings.transcribe_piece_s * SAMPLE_RATE_HZ)
        end = min(total, start + longest)
        pcm = await self._audio(start, end)
        if end < total:
            end = start + await asyncio.to_thread(cut_point, pcm)
        number = len(self._cuts)
        self._cuts.append(end)
        # Set at its place, not appended: a call that is made again after a lost answer changes nothing.
        lecture_id = self._lecture.lecture_id
        key = cuts_key(lecture_id)
        await self._write(("LTRIM", key, "0", str(number - 1)) if number else ("DEL", key), ("RPUSH", key, str(end)))
        return Piece(number, start, end, pcm[: (end - start) * BYTES_PER_SAMPLE])

    async def _audio(self, start: int, end: int) -> bytes:
        key = key_of(self._lecture.lecture_id, "audio.wav")
        byte_range = (sample_byte(start), sample_byte(end))
        return await self._patience.keep_trying(lambda: self._tools.objects.get_range(key, *byte_range))

    async def _transcribe(self, piece: Piece) -> None:
        started = time.perf_counter()
        start_s, end_s = piece.start / SAMPLE_RATE_HZ, piece.end / SAMPLE_RATE_HZ
        with current_span().stage("asr", piece=piece.number, start_s=start_s, end_s=end_s):
            segments = await self._patience.keep_trying(lambda: self._tools.recogniser.transcribe(piece.pcm, start_s))
        self._tools.metrics.piece_seconds.observe(time.perf_counter() - started)
        await self._keep(piece, segments)
        self._tools.metrics.transcribed_audio.inc((piece.end - piece.start) / SAMPLE_RATE_HZ)

    async def _keep(self, piece: Piece, segments: list[Segment]) -> None:
        self._done.add(piece.number)
        lecture_id = self._lecture.lecture_id
        progress = ("transcribed_s", repr(self._transcribed_s()), "attempts", "0", "moved_at", repr(time.time()))
        await self._write(
            ("HSET", pieces_key(lecture_id), str(piece.number), dump_segments(segments).decode()),
            ("HSET", record_key(lecture_id), *progress, *(("has_speech", "1") if segments else ())),
        )

    def _transcribed_s(self) -> float:
        """Up to where the transcript has no gap."""
        number = 0
        while number in self._done:
            number += 1
        return self._cuts[number - 1] / SAMPLE_RATE_HZ if number else 0.0

    async def _finish(self) -> None:
        lecture_id = self._lecture.lecture_id
        _, segments = await self._patience.keep_trying(lambda: self._tools.records.read(lecture_id))
        document = dump_segments(segments or ())
        await self._write()
        await self._patience.keep_trying(lambda: self._tools.archive.write_transcript(self._lecture, document))
        cache_s = str(int(self._tools.settings.transcript_cache_s))
        record, whole = record_key(lecture_id), repr(self._lecture.duration_s)
        await self._write(
            ("SET", transcript_key(lecture_id), document.decode(), "EX", cache_s),
            ("HSET", record, "status", "ready", "transcribed_s", whole, "has_speech", "1" if segments else "0"),
            ("HDEL", record, "owner", "attempts"),
            ("DEL", pieces_key(lecture_id), cuts_key(lecture_id)),
            ("ZREM", QUEUE, lecture_id),
        )

    async def _write(self, *commands: tuple[str, ...]) -> None:
        await self._patience.keep_trying(lambda: self._lease.write(*commands))
