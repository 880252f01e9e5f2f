"""Lectures in Redis: the record of each, its transcript as it grows, and the list of all.

    viva:lecture:{id}             hash: title, created_at, duration_s, status, transcribed_s, error, error_code,
                                  has_speech, sha256, moved_at; while it is transcribed also owner and attempts
                                  (jobs.py). status "deleted" is a tombstone
    viva:lecture:{id}:pieces      hash: number of the piece -> its segments, until the lecture is ready
    viva:lecture:{id}:cuts        list: the sample at which each piece ends
    viva:lecture:{id}:transcript  string: the segments of a ready lecture, a cache of the object store
    viva:lectures                 sorted set of ids; they sort by time
    viva:recording:{sha256}       the same, of the lectures with this recording
    viva:lectures:failed          set of the ids of those that could not be transcribed
    viva:lectures:complete        set once the list holds all that the object store does

Any of it may be lost: the object store has what is needed to make it again (lectures.py).
"""

from __future__ import annotations

import time

import redis.asyncio as redis

from viva.errors import NotFound
from viva.passages import Segment
from viva_orchestrator.lectures.archive import load_segments
from viva_orchestrator.lectures.model import Lecture
from viva_orchestrator.state import redis_call

RECORD = "viva:lecture:"
LIST = "viva:lectures"
FAILED = "viva:lectures:failed"
LIST_COMPLETE = "viva:lectures:complete"
QUEUE = "viva:transcriptions"

# How long a deleted lecture is remembered, so that whoever still works for it learns that it is gone.
TOMBSTONE_S = 24 * 3600

_CREATE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('ZADD', KEYS[2], 0, ARGV[1])
if redis.call('HGET', KEYS[1], 'status') == 'queued' then
    local now = redis.call('TIME')
    redis.call('ZADD', KEYS[3], now[1] * 1000 + math.floor(now[2] / 1000), ARGV[1])
end
if KEYS[4] then redis.call('ZADD', KEYS[4], 0, ARGV[1]) end
return 1
"""


_FLAGS = {True: "1", False: "0", None: ""}


def record_key(lecture_id: str) -> str:
    """The key of a lecture's record."""
    return RECORD + lecture_id


def pieces_key(lecture_id: str) -> str:
    """The key of the segments of a lecture that is being transcribed."""
    return f"{RECORD}{lecture_id}:pieces"


def cuts_key(lecture_id: str) -> str:
    """The key of the samples at which a lecture has been cut."""
    return f"{RECORD}{lecture_id}:cuts"


def transcript_key(lecture_id: str) -> str:
    """The key of the segments of a ready lecture."""
    return f"{RECORD}{lecture_id}:transcript"


def recording_key(sha256: str) -> str:
    """The key of the list of lectures that have a recording."""
    return f"viva:recording:{sha256}"


class Records:
    """Reads and writes the records. `client` gives bytes (decode_responses off). Raises `StageUnavailable("redis")`."""

    def __init__(self, client: redis.Redis, *, transcript_cache_s: float) -> None:
        self._client = client
        self._cache_s = int(transcript_cache_s)
        self._create = client.register_script(_CREATE)

    async def create(self, lecture: Lecture) -> bool:
        """Write the record, list it, and queue it unless it is ready; False when there is one already."""
        fields = [text for pair in _fields(lecture).items() for text in pair]
        keys = [record_key(lecture.lecture_id), LIST, QUEUE]
        keys += [recording_key(lecture.sha256)] if lecture.sha256 else []
        async with redis_call():
            return bool(await self._create(keys=keys, args=[lecture.lecture_id, *fields]))

    async def get(self, lecture_id: str) -> Lecture | None:
        """The record, or None when Redis does not know. Raises `NotFound` when the lecture was deleted."""
        async with redis_call():
            return _lecture(lecture_id, await self._client.hgetall(record_key(lecture_id)))

    async def read(self, lecture_id: str) -> tuple[Lecture | None, tuple[Segment, ...] | None]:
        """The record and what is known of the transcript, in one round trip.

        The segments are None for a ready lecture whose transcript Redis does not hold. Otherwise as `get`.
        """
        async with redis_call(), self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(record_key(lecture_id))
            pipe.hgetall(pieces_key(lecture_id))
            pipe.getex(transcript_key(lecture_id), ex=self._cache_s)
            fields, pieces, transcript = await pipe.execute()
        lecture = _lecture(lecture_id, fields)
        if transcript is not None:
            return lecture, load_segments(transcript)
        if lecture is None or lecture.status == "ready":
            return lecture, None
        return lecture, _in_order(pieces)

    async def keep_transcript(self, lecture_id: str, segments: bytes) -> None:
        """Hold the segments of a ready lecture again."""
        async with redis_call():
            await self._client.set(transcript_key(lecture_id), segments, ex=self._cache_s)

    async def page(self, limit: int, after: str | None, sha256: str | None = None) -> list[str]:
        """Up to `limit` ids, newest first, those older than `after`; of the lectures with one recording, or of all."""
        newest = "+" if after is None else f"({after}"
        listed = LIST if sha256 is None else recording_key(sha256)
        async with redis_call():
            found = await self._client.zrevrangebylex(listed, newest, "-", start=0, num=limit)
        return [lecture_id.decode() for lecture_id in found]

    async def get_many(self, lecture_ids: list[str]) -> list[Lecture | None]:
        """The records of several lectures, None for those that are not there, in one round trip."""
        async with redis_call(), self._client.pipeline(transaction=False) as pipe:
            for lecture_id in lecture_ids:
                pipe.hgetall(record_key(lecture_id))
            found = await pipe.execute()
        pairs = zip(lecture_ids, found, strict=True)
        return [None if _is_tombstone(fields) else _lecture(lecture_id, fields) for lecture_id, fields in pairs]

    async def bury(self, lecture_id: str) -> None:
        """Put a tombstone in the place of the record and forget the rest: whoever works on it loses its lease."""
        async with redis_call():
            sha256 = await self._client.hget(record_key(lecture_id), "sha256")
        async with redis_call(), self._client.pipeline(transaction=True) as pipe:
            if sha256:
                pipe.zrem(recording_key(sha256.decode()), lecture_id)
            pipe.delete(*(make(lecture_id) for make in (record_key, pieces_key, cuts_key, transcript_key)))
            pipe.hset(record_key(lecture_id), "status", "deleted")
            pipe.expire(record_key(lecture_id), TOMBSTONE_S)
            pipe.zrem(LIST, lecture_id)
            pipe.zrem(QUEUE, lecture_id)
            pipe.srem(FAILED, lecture_id)
            await pipe.execute()

    async def is_buried(self, lecture_id: str) -> bool:
        """Whether there is a tombstone."""
        async with redis_call():
            return await self._client.hget(record_key(lecture_id), "status") == b"deleted"

    async def list_is_complete(self) -> bool:
        """Whether the list has been filled since Redis was last empty."""
        async with redis_call():
            return bool(await self._client.exists(LIST_COMPLETE))

    async def mark_list_complete(self) -> None:
        """Say that the list holds all that the object store does."""
        async with redis_call():
            await self._client.set(LIST_COMPLETE, "1")

    async def waiting(self) -> list[Lecture]:
        """The lectures that are queued or being transcribed."""
        async with redis_call():
            ids = [item.decode() for item in await self._client.zrange(QUEUE, 0, -1)]
        return [lecture for lecture in await self.get_many(ids) if lecture is not None]

    async def counts(self) -> tuple[int, int]:
        """How many lectures there are, and how many of them failed."""
        async with redis_call(), self._client.pipeline(transaction=False) as pipe:
            pipe.zcard(LIST)
            pipe.scard(FAILED)
            return tuple(await pipe.execute())


def _fields(lecture: Lecture) -> dict[str, str]:
    return {
        "title": lecture.title or "",
        "created_at": repr(lecture.created_at),
        "duration_s": repr(lecture.duration_s),
        "status": lecture.status,
        "transcribed_s": repr(lecture.transcribed_s),
        "error": lecture.error or "",
        "error_code": lecture.error_code or "",
        "has_speech": _FLAGS[lecture.has_speech],
        "sha256": lecture.sha256 or "",
        "moved_at": repr(time.time()),
    }


def _lecture(lecture_id: str, fields: dict[bytes, bytes]) -> Lecture | None:
    if not fields:
        return None
    if _is_tombstone(fields):
        raise NotFound("There is no such lecture.", param="lecture_id")
    return Lecture(
        lecture_id=lecture_id,
        title=fields[b"title"].decode() or None,
        created_at=float(fields[b"created_at"]),
        duration_s=float(fields[b"duration_s"]),
        status=fields[b"status"].decode(),
        transcribed_s=float(fields[b"transcribed_s"]),
        error=fields[b"error"].decode() or None,
        # An earlier version's record lacks these.
        error_code=fields.get(b"error_code", b"").decode() or None,
        has_speech={b"1": True, b"0": False}.get(fields.get(b"has_speech", b"")),
        sha256=fields.get(b"sha256", b"").decode() or None,
        moved_at=float(fields[b"moved_at"]) if fields.get(b"moved_at") else None,
    )


def _is_tombstone(fields: dict[bytes, bytes]) -> bool:
    return fields.get(b"status") == b"deleted"


def _in_order(pieces: dict[bytes, bytes]) -> tuple[Segment, ...]:
    """The segments up to the first piece that is missing: what has been read never changes afterwards."""
    segments: list[Segment] = []
    for number in range(len(pieces)):
        piece = pieces.get(b"%d" % number)
        if piece is None:
            break
        segments += load_segments(piece)
    return tuple(segments)
