"""Lectures in the object store: everything that must outlive Redis.

    lectures/{id}/original          the recording as it came
    lectures/{id}/audio.wav         16 kHz mono 16-bit, so that a slice is a range of bytes (docs/decisions/0002)
    lectures/{id}/transcript.json   written once, when the last piece is there: its presence means ready
    lectures/{id}/lecture.json      written first and deleted last: its presence means that the lecture exists

Only the upload writes lecture.json, so a worker that wakes up late cannot bring a deleted lecture back.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from viva.errors import NotFound
from viva.passages import Segment
from viva_orchestrator.lectures.model import Lecture
from viva_orchestrator.objects import ObjectStore

FOLDER = "lectures"


def key_of(lecture_id: str, name: str) -> str:
    """The key of one object of a lecture."""
    return f"{FOLDER}/{lecture_id}/{name}"


class Archive:
    """Reads and writes the documents of lectures. Methods raise what `ObjectStore` raises."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def write_lecture(self, lecture: Lecture) -> None:
        """Make the lecture exist."""
        facts = {
            "lecture_id": lecture.lecture_id,
            "title": lecture.title,
            "created_at": lecture.created_at,
            "duration_s": lecture.duration_s,
            "sha256": lecture.sha256,
        }
        await self._objects.put(key_of(lecture.lecture_id, "lecture.json"), orjson.dumps(facts))

    async def read_lecture(self, lecture_id: str) -> Lecture:
        """The lecture as it was uploaded, `ready` when its transcript is there and `queued` when not."""
        facts = orjson.loads(await self._objects.get(key_of(lecture_id, "lecture.json")))
        lecture = Lecture(
            lecture_id, facts["title"], facts["created_at"], facts["duration_s"], sha256=facts.get("sha256")
        )
        try:
            transcript = orjson.loads(await self._objects.get(key_of(lecture_id, "transcript.json")))
        except NotFound:
            return lecture
        # The container said how long the recording is; what was decoded knows.
        duration_s, heard = transcript["duration_s"], bool(transcript["segments"])
        return replace(lecture, status="ready", duration_s=duration_s, transcribed_s=duration_s, has_speech=heard)

    async def write_transcript(self, lecture: Lecture, segments: bytes) -> None:
        """Write the finished transcript; `segments` as `dump_segments` makes them."""
        document = {
            "lecture_id": lecture.lecture_id,
            "title": lecture.title,
            "duration_s": lecture.duration_s,
            "segments": orjson.Fragment(segments),
        }
        await self._objects.put(key_of(lecture.lecture_id, "transcript.json"), orjson.dumps(document))

    async def read_segments(self, lecture_id: str) -> tuple[Segment, ...]:
        """The segments of a finished transcript."""
        document = orjson.loads(await self._objects.get(key_of(lecture_id, "transcript.json")))
        return tuple(Segment(item["start"], item["end"], item["text"]) for item in document["segments"])

    async def lecture_ids(self) -> list[str]:
        """The ids under which there is anything, oldest first."""
        return await self._objects.folders(FOLDER)

    async def exists(self, lecture_id: str) -> bool:
        """Whether the lecture has been uploaded and not deleted."""
        return await self._objects.exists(key_of(lecture_id, "lecture.json"))

    async def delete(self, lecture_id: str) -> None:
        """Delete everything of a lecture; when it fails half-way, the lecture still exists and can be deleted again."""
        marker = key_of(lecture_id, "lecture.json")
        await self._objects.delete_prefix(f"{FOLDER}/{lecture_id}", last=marker)


def dump_segments(segments: tuple[Segment, ...] | list[Segment]) -> bytes:
    """Segments as JSON."""
    return orjson.dumps([{"start": s.start, "end": s.end, "text": s.text} for s in segments])


def load_segments(data: bytes) -> tuple[Segment, ...]:
    """The inverse of `dump_segments`."""
    return tuple(Segment(item["start"], item["end"], item["text"]) for item in orjson.loads(data))
