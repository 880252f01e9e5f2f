"""Conversations in Redis, so that a client that comes back, to any replica, carries on where it was."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis

from viva.errors import StageUnavailable
from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.items import Item, kept_item
from viva_orchestrator.sessions import session_keys
from viva_orchestrator.state import redis_call

# Only for a client that comes back while an answer is still being finished for it.
LOOK_EVERY_S = 0.2

# Fields of the hash: the configuration, the ids in order, until when each turn is being answered, and each item.
_CONFIGURATION, _ORDER, _ANSWERING, _ITEM = "configuration", "order", "answering:", "item:"

# Sets and deletes fields of a session that is still there: what was forgotten must not come back.
_WRITE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local fields = tonumber(ARGV[2])
for i = 3, 2 + 2 * fields, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
for i = 3 + 2 * fields, #ARGV do redis.call('HDEL', KEYS[4], ARGV[i]) end
redis.call('EXPIRE', KEYS[4], ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation as it was left: `answering` are the turns that are being finished for it somewhere."""

    asked: dict[str, Any] | None
    items: tuple[Item, ...]
    answering: frozenset[str]


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
            name.decode().removeprefix(_ITEM): kept_item(orjson.loads(data))
            for name, data in fields.items()
            if name.startswith(_ITEM.encode())
        }
        order = orjson.loads(fields.get(_ORDER.encode(), b"[]"))
        known = [items.pop(item_id) for item_id in order if item_id in items]
        asked = fields.get(_CONFIGURATION.encode())
        answering = frozenset(
            name.decode().removeprefix(_ANSWERING)
            for name, until in fields.items()
            if name.startswith(_ANSWERING.encode()) and float(until) > time.time()
        )
        # Items that the order does not have were added by two replicas at once.
        return Kept(orjson.loads(asked) if asked else None, (*known, *items.values()), answering)

    async def answered(self, session_id: str, turns: frozenset[str]) -> tuple[Item, ...]:
        """The items once these turns have ended, or their time is over."""
        while (kept := await self.read(session_id)) is not None and kept.answering & turns:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)  # what is waited for happens in another replica
        return kept.items if kept is not None else ()

    async def write(self, session_id: str, fields: dict[str, bytes], gone: list[str]) -> None:
        """Sets some fields and deletes others."""
        pairs = [part for pair in fields.items() for part in pair]
        async with redis_call():
            await self._redis.eval(
                _WRITE, 4, *session_keys(session_id), self._expiry_s, len(fields), *pairs, *gone
            )


class Keeper:
    """Keeps one conversation: what has changed is written soon, and at once; a Redis that is away is done without."""

    def __init__(self, conversations: Conversations, session_id: str, conversation: Conversation) -> None:
        self._conversations = conversations
        self._session_id = session_id
        self._conversation = conversation
        self._fields: dict[str, bytes] = {}
        self._gone: set[str] = set()
        self._writing: asyncio.Task[None] | None = None

    def configured(self, configuration: Configuration) -> None:
        """The configuration is another."""
        self._fields[_CONFIGURATION] = orjson.dumps(dict(configuration.asked))
        self.changed()

    def answering(self, turn_id: str, until: float | None) -> None:
        """A turn is being answered, until this Unix time at the latest; None: no more."""
        field = _ANSWERING + turn_id
        self._gone.discard(field)
        self._fields.pop(field, None)
        if until is None:
            self._gone.add(field)
        else:
            self._fields[field] = str(until).encode()
        self.changed()

    def changed(self) -> None:
        """The conversation may have changed."""
        if self._writing is None and (self._fields or self._gone or self._conversation.changed):
            self._writing = asyncio.create_task(self._write())
            self._writing.add_done_callback(self._written)

    async def flush(self) -> None:
        """Waits until all of it is written."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        fields, self._fields = self._fields, {}
        gone, self._gone = list(self._gone), set()
        changed, self._conversation.changed = self._conversation.changed, set()
        for item_id in changed:
            item = self._conversation.get(item_id)
            if item is None:
                gone.append(_ITEM + item_id)
            elif item.status != "in_progress":
                fields[_ITEM + item_id] = orjson.dumps(item)
        if changed:
            fields[_ORDER] = orjson.dumps(self._conversation.order)
        try:
            await self._conversations.write(self._session_id, fields, gone)
        except StageUnavailable:
            structlog.get_logger().warning("conversation not kept", session_id=self._session_id[:12])

    def _written(self, _task: asyncio.Task[None]) -> None:
        self._writing = None
        self.changed()
