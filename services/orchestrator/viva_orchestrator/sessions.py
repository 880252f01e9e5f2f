"""Sessions and their history: questions and answers in Redis, forgotten a week after the last one.

A pair that a client has seen `done` for is in the history once, in the order of the `done`s.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from redis.asyncio import Redis

from viva.errors import NotFound
from viva.events import Citation, ContextUse, Receipt
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.state import redis_call
from viva_orchestrator.stored import record

_SESSION_ID = re.compile(r"ses_[0-9a-f]{32}")

# Appends a turn unless the session is gone or the turn is already there: a retry after a lost reply adds nothing.
# A session that was begun with this turn is stored with it.
_APPEND = """
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'created_at', ARGV[4], 'lecture_id', ARGV[5]) end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('SADD', KEYS[3], ARGV[1]) == 1 then redis.call('RPUSH', KEYS[2], ARGV[2]) end
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[3]) end
return 1
"""


# Deletes a session unless a turn was added after it was read.
_DELETE_IF_UNCHANGED = """
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', unpack(KEYS))
return 1
"""

# Puts another version in the place of a turn, or takes it out, unless the list has changed meanwhile.
_REPLACE = """
if redis.call('LINDEX', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] ~= '' then redis.call('LSET', KEYS[2], ARGV[1], ARGV[3])
else redis.call('LREM', KEYS[2], 1, ARGV[2]) end
return 1
"""

# Notes something of a session that is there.
_NOTE_LECTURE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'lecture_id', ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class PastTurn:
    """One question and its answer. `raw_answer` still has the citation marks; `asked_at` is Unix time in seconds.

    `interrupted`: the person cut the answer short, and it is as far as it was heard.
    """

    turn_id: str
    question: str
    answer: str
    raw_answer: str
    lecture_id: str
    citations: tuple[Citation, ...]
    degraded: str | None
    asked_at: float
    interrupted: bool = False
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation: which lecture it is about unless a turn says otherwise, and its turns, oldest first."""

    session_id: str
    lecture_id: str | None
    created_at: float
    turns: tuple[PastTurn, ...] = ()


class Sessions:
    """All sessions, on a Redis that every replica shares. Methods raise StageUnavailable("redis") when it is gone."""

    def __init__(self, redis: Redis, objects: ObjectStore, *, expiry_s: float) -> None:
        self._redis = redis
        self._objects = objects
        self._expiry_s = int(expiry_s)

    def begin(self, lecture_id: str | None = None) -> Session:
        """A session with an id that cannot be guessed, which is stored with its first turn."""
        return Session(f"ses_{secrets.token_hex(16)}", lecture_id, time.time())

    async def open(self, lecture_id: str | None = None) -> Session:
        """A session that is stored at once."""
        session = self.begin(lecture_id)
        await self.store(session)
        return session

    async def store(self, session: Session) -> None:
        """Stores a session that was begun, without turns."""
        key = session_keys(session.session_id)[0]
        async with redis_call(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={"created_at": session.created_at, "lecture_id": session.lecture_id or ""})
            pipe.expire(key, self._expiry_s)
            await pipe.execute()

    async def read(self, session_id: str, *, last: int | None = None) -> Session:
        """The session with its `last` turns (None: all). Raises NotFound when there is none or it has expired."""
        meta_key, turns_key, *_ = session_keys(session_id)
        # Redis counts from the end with negative numbers; -0 would be the beginning.
        start, end = (0, -1) if last is None else (-last, -1) if last else (1, 0)
        async with redis_call(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(meta_key)
            pipe.lrange(turns_key, start, end)
            meta, turns = await pipe.execute()
        if not meta:
            raise _no_session(session_id)
        lecture_id = meta[b"lecture_id"].decode() or None
        return Session(session_id, lecture_id, float(meta[b"created_at"]), tuple(map(_past_turn, turns)))

    async def append(self, session_id: str, turn: PastTurn, *, begun: Session | None = None) -> None:
        """Commits a turn; `begun` is the session when this is its first. Raises NotFound when it has been ended."""
        new = (begun.created_at, begun.lecture_id or "") if begun else ("", "")
        async with redis_call():
            kept = await self._redis.eval(
                _APPEND, 4, *session_keys(session_id), turn.turn_id, orjson.dumps(turn), self._expiry_s, *new
            )
        if not kept:
            raise _no_session(session_id)

    async def change(self, session_id: str, turn_id: str, to: Callable[[PastTurn], PastTurn | None]) -> bool:
        """Puts what `to` makes of a committed turn in its place, or takes it out; whether it was there."""
        keys = session_keys(session_id)
        while True:
            async with redis_call():
                turns = await self._redis.lrange(keys[1], 0, -1)
            found = [(place, data) for place, data in enumerate(turns) if orjson.loads(data)["turn_id"] == turn_id]
            if not found:
                return False
            place, data = found[0]
            changed = to(_past_turn(data))
            new = b"" if changed is None else orjson.dumps(changed)
            async with redis_call():
                if await self._redis.eval(_REPLACE, len(keys), *keys, place, data, new):
                    return True

    async def choose_lecture(self, session_id: str, lecture_id: str) -> None:
        """The session is about this lecture from now on."""
        async with redis_call():
            await self._redis.eval(_NOTE_LECTURE, 1, session_keys(session_id)[0], lecture_id)

    async def delete(self, session_id: str) -> None:
        """Forgets the session and its history. Raises NotFound when there is none."""
        async with redis_call():
            deleted = await self._redis.delete(*session_keys(session_id))
        if not deleted:
            raise _no_session(session_id)

    async def archive(self, session_id: str) -> tuple[str, int]:
        """Writes the whole conversation to the object store in one write, then forgets it here.

        Returns the object's key and the number of turns. Ending a session again gives the same answer.
        """
        key = f"sessions/{session_id}.json"
        while True:
            try:
                session = await self.read(session_id)
            except NotFound:
                if _SESSION_ID.fullmatch(session_id) and await self._objects.exists(key):
                    return key, len(orjson.loads(await self._objects.get(key))["turns"])
                raise
            record = asdict(session) | {"ended_at": time.time()}
            await self._objects.put(key, orjson.dumps(record, option=orjson.OPT_INDENT_2))
            if await self._delete_unchanged(session):
                return key, len(session.turns)
            # A turn was committed meanwhile: its client saw `done`, so it belongs into the archive.

    async def _delete_unchanged(self, session: Session) -> bool:
        async with redis_call():
            script, keys = _DELETE_IF_UNCHANGED, session_keys(session.session_id)
            return bool(await self._redis.eval(script, len(keys), *keys, len(session.turns)))


def session_keys(session_id: str) -> tuple[str, str, str, str]:
    """Meta, turns, turn ids and the Realtime conversation; the braces keep them on one node of a Redis Cluster.

    Raises NotFound for what cannot be a session's id.
    """
    if not _SESSION_ID.fullmatch(session_id):
        raise _no_session(session_id)
    base = f"viva:session:{{{session_id}}}"
    return base, f"{base}:turns", f"{base}:ids", f"{base}:realtime"


def _no_session(session_id: str) -> NotFound:
    return NotFound(
        f"There is no session {session_id[:64]!r}; it may have ended or expired. Open one with POST /v1/sessions.",
        code="session_not_found",
        param="session_id",
    )


def _past_turn(data: bytes) -> PastTurn:
    turn = orjson.loads(data)
    citations = tuple(record(Citation, citation) for citation in turn["citations"])
    return record(PastTurn, turn | {"citations": citations, "receipt": _receipt(turn.get("receipt"))})


def _receipt(data: dict[str, Any] | None) -> Receipt | None:
    if data is None:
        return None
    context = data.get("context")
    return record(Receipt, data | {"context": context and record(ContextUse, context)})
