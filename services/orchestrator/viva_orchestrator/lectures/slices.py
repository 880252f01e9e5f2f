"""A stretch of a recording as a WAV file of its own that exists only as ranges of bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from viva.audio.wav import wav_header
from viva.errors import InvalidRequest, NotFound
from viva_orchestrator.lectures.archive import key_of
from viva_orchestrator.lectures.model import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE_HZ,
    WAV_HEADER_BYTES,
    sample_byte,
    samples_in,
)
from viva_orchestrator.objects import ObjectStore


class AudioSlice:
    """The WAV file of the samples [first, last) of a lecture: its size in bytes, its tag, and any part of it."""

    def __init__(self, objects: ObjectStore, lecture_id: str, first: int, last: int) -> None:
        self._objects = objects
        self._key = key_of(lecture_id, "audio.wav")
        self._first = first
        self._header = wav_header(last - first, SAMPLE_RATE_HZ)
        self.size = WAV_HEADER_BYTES + (last - first) * BYTES_PER_SAMPLE
        # A recording never changes under its id, so the slice is named by where it lies.
        self.etag = f'"{lecture_id}-{first}-{last}"'

    @classmethod
    async def open(
        cls, objects: ObjectStore, lecture_id: str, start_s: float | None, end_s: float | None
    ) -> AudioSlice | None:
        """The slice from `start_s` to `end_s` (to the whole recording where None), or None before it is decoded.

        An end beyond the recording means its end. Raises `InvalidRequest` for an empty slice or one outside of it.
        """
        try:
            total = samples_in(await objects.size(key_of(lecture_id, "audio.wav")))
        except NotFound:
            return None
        first = 0 if start_s is None else round(start_s * SAMPLE_RATE_HZ)
        last = total if end_s is None else min(total, round(end_s * SAMPLE_RATE_HZ))
        if first >= total:
            raise InvalidRequest("start lies beyond the end of the recording.", param="start")
        if last <= first:
            raise InvalidRequest("end must lie after start.", param="end")
        return cls(objects, lecture_id, first, last)

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes [start, end) of the WAV file, block by block."""
        if start < WAV_HEADER_BYTES:
            yield self._header[start : min(end, WAV_HEADER_BYTES)]
        offset = sample_byte(self._first) - WAV_HEADER_BYTES
        if end > WAV_HEADER_BYTES:
            async for block in self._objects.stream(self._key, offset + max(start, WAV_HEADER_BYTES), offset + end):
                yield block
