"""Conversations in Redis, so that a client that comes back, to any replica, carries on where it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis

from viva_orchestrator.realtime.items import Item, kept_item
from viva_orchestrator.sessions import session_keys
from viva_orchestrator.state import redis_call

# Only for a client that comes back while something is still being finished for it.
FIRST_LOOK_S = 0.1
LAST_LOOK_S = 1.0

# Fields of the hash: the configuration, the ids in order, each item, and marks: until when a turn is being answered,
# and until when an item is being transcribed.
CONFIGURATION, ORDER, ITEM = "configuration", "order", "item:"
ANSWERING, HEARING = "answering:", "hearing:"

# Sets and deletes fields of a session that is still there: what was forgotten must not come back. Of the marks of
# turns only ARGV[2] stays, if that is given: who begins to answer ends what is being answered elsewhere.
_WRITE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[2] ~= '' then
  for _, name in ipairs(redis.call('HKEYS', KEYS[4])) do
    if string.sub(name, 1, 10) == 'answering:' and name ~= ARGV[2] then redis.call('HDEL', KEYS[4], name) end
  end
end
local fields = tonumber(ARGV[3])
for i = 4, 3 + 2 * fields, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
for i = 4 + 2 * fields, #ARGV do redis.call('HDEL', KEYS[4], ARGV[i]) end
redis.call('EXPIRE', KEYS[4], ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation as it was left. `answering` are the turns that are being finished for it somewhere, `hearing` the
    items that are being transcribed."""

    asked: dict[str, Any] | None
    items: tuple[Item, ...]
    answering: frozenset[str] = frozenset()
    hearing: frozenset[str] = frozenset()


class Conversations:
    """All kept conversations. Methods raise StageUnavailable("redis") when it is gone."""

    def __init__(self, redis: Redis, *, expiry_s: float) -> None:
        self._redis = redis
        self._expiry_s = int(expiry_s)

    async def read(self, session_id: str) -> Kept | None:
        """What was kept of a session's conversation; None when it never had one."""
        async with redis_call():
            fields = await self._redis.hgetall(session_keys(session_id)[3])
        if not fields:
            return None
        items = {
            name.decode().removeprefix(ITEM): item
            for name, data in fields.items()
            if name.startswith(ITEM.encode()) and (item := kept_item(data)) is not None
        }
        order = orjson.loads(fields.get(ORDER.encode(), b"[]"))
        known = [items.pop(item_id) for item_id in order if item_id in items]
        asked = fields.get(CONFIGURATION.encode())
        # Items that the order does not have were added by two replicas at once.
        return Kept(
            orjson.loads(asked) if asked else None,
            (*known, *items.values()),
            _marked(fields, ANSWERING),
            _marked(fields, HEARING),
        )

    async def order(self, session_id: str) -> list[str]:
        """The ids of the items that are kept, oldest first."""
        async with redis_call():
            return orjson.loads(await self._redis.hget(session_keys(session_id)[3], ORDER) or b"[]")

    async def item(self, session_id: str, item_id: str) -> Item | None:
        """One item as it is kept."""
        async with redis_call():
            data = await self._redis.hget(session_keys(session_id)[3], ITEM + item_id)
        return kept_item(data) if data else None

    async def marked(self, session_id: str, marks: Collection[str]) -> bool:
        """Whether any of these is still under way."""
        async with redis_call():
            found = await self._redis.hmget(session_keys(session_id)[3], list(marks))
        return any(until is not None and float(until) > time.time() for until in found)

    async def overtaken(self, session_id: str, mark: str) -> bool:
        """Whether a mark is gone from a conversation that is still there."""
        async with redis_call():
            ours, order = await self._redis.hmget(session_keys(session_id)[3], [mark, ORDER])
        return ours is None and order is not None

    async def over(self, session_id: str, marks: Collection[str]) -> None:
        """Waits until all of these have ended, or their time is over."""
        pause = FIRST_LOOK_S
        while await self.marked(session_id, marks):
            await asyncio.sleep(pause)  # what is waited for happens in another replica
            pause = min(pause * 1.5, LAST_LOOK_S)

    async def answered(self, session_id: str, turns: frozenset[str]) -> tuple[Item, ...]:
        """The items once these turns have ended, or their time is over."""
        await self.over(session_id, [ANSWERING + turn_id for turn_id in turns])
        kept = await self.read(session_id)
        return kept.items if kept is not None else ()

    async def heard(self, session_id: str, item_id: str) -> Item | None:
        """An item once its transcription has ended elsewhere, or its time is over; None: it was deleted."""
        await self.over(session_id, [HEARING + item_id])
        return await self.item(session_id, item_id)

    async def write(self, session_id: str, fields: dict[str, bytes], gone: Collection[str], *, alone: str = "") -> bool:
        """Sets some fields and deletes others; of the marks of turns only `alone` stays. Whether there is a session."""
        pairs = [part for pair in fields.items() for part in pair]
        keys = session_keys(session_id)
        async with redis_call():
            return bool(
                await self._redis.eval(_WRITE, len(keys), *keys, self._expiry_s, alone, len(fields), *pairs, *gone)
            )


def _marked(fields: dict[bytes, bytes], prefix: str) -> frozenset[str]:
    now = time.time()
    return frozenset(
        name.decode().removeprefix(prefix)
        for name, until in fields.items()
        if name.startswith(prefix.encode()) and float(until) > now
    )
