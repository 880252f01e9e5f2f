"""Keeps one conversation in Redis as it changes, whether or not Redis is there at the moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import orjson
import structlog

from viva.errors import StageUnavailable
from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.items import Item
from viva_orchestrator.realtime.resume import ANSWERING, CONFIGURATION, HEARING, ITEM, ORDER, Conversations

# After a write that failed the next one has everything again, somewhat later each time.
FIRST_RETRY_S = 0.2
LAST_RETRY_S = 5.0
# How often an answer under way looks whether another connection has begun to answer in the same conversation.
LOOK_EVERY_S = 1.0


class Keeper:
    """What has changed is written soon, and at once; what could not be written is written later.

    `unread`: Redis did not say what was kept before, so that its order is to be found and not overwritten. `overtaken`
    is called with a turn that another connection ended by beginning one of its own.
    """

    def __init__(
        self,
        conversations: Conversations,
        session_id: str,
        conversation: Conversation,
        *,
        unread: bool = False,
        overtaken: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._conversations = conversations
        self._session_id = session_id
        self._conversation = conversation
        self._unread = unread
        self._overtaken = overtaken
        self._before: list[str] = []  # the order of what could not be read
        self._fields: dict[str, bytes] = {}
        self._gone: set[str] = set()
        self._own: set[str] = set()  # marks of what is done here
        self._alone = ""  # the mark that ends those of other connections
        self._writing: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._closed = False  # said besides, since a call to Redis may take a cancellation for an answer

    def configured(self, configuration: Configuration) -> None:
        """The configuration is another."""
        self._fields[CONFIGURATION] = orjson.dumps(dict(configuration.asked))
        self.changed()

    def answering(self, turn_id: str, until: float | None) -> None:
        """A turn is being answered, until this Unix time at the latest; None: no more.

        It is the only one: what is being answered over other connections of this session ends.
        """
        self._mark(ANSWERING + turn_id, until)
        self._alone = ANSWERING + turn_id if until is not None else ""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def hearing(self, item_id: str, until: float | None) -> None:
        """An item is being transcribed, until this Unix time at the latest; None: no more."""
        self._mark(HEARING + item_id, until)

    def changed(self) -> None:
        """The conversation may have changed."""
        if self._pending and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())

    async def flush(self, seconds: float) -> None:
        """Waits until all of it is written, but not longer than so many seconds."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=seconds)

    async def close(self, seconds: float) -> None:
        """The same; what is not written by then is lost."""
        await self.flush(seconds)
        self._closed = True
        tasks = [task for task in (self._writing, self._watching) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def _pending(self) -> bool:
        return bool(self._fields or self._gone or self._conversation.changed)

    def _mark(self, name: str, until: float | None) -> None:
        self._fields.pop(name, None)
        if until is None:
            self._own.discard(name)
            self._gone.add(name)
        else:
            self._own.add(name)
            self._gone.discard(name)
            self._fields[name] = str(until).encode()
        self.changed()

    async def _write(self) -> None:
        pause = FIRST_RETRY_S
        while self._pending and not self._closed:
            try:
                if not await self._write_all():
                    return  # there is no such session, or not yet
                pause = FIRST_RETRY_S
            except StageUnavailable:
                structlog.get_logger().warning("conversation not kept yet", session_id=self._session_id[:12])
                # Spread out, so that all conversations of a replica do not come back in the same instant.
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, LAST_RETRY_S)

    async def _write_all(self) -> bool:
        """Writes what has changed; whether there is a session for it. What was not written is pending again."""
        fields, self._fields = self._fields, {}
        gone, self._gone = self._gone, set()
        changed, self._conversation.changed = self._conversation.changed, set()
        alone, kept = self._alone, False
        try:
            if self._unread and changed:
                self._before = await self._conversations.order(self._session_id)
                self._unread = False
            items, removed = self._items(changed)
            kept = await self._conversations.write(self._session_id, items | fields, gone | removed, alone=alone)
        finally:
            if not kept:
                self._put_back(fields, gone, changed)
        if kept and alone and alone == self._alone:
            self._alone = ""
            self._watching = asyncio.create_task(self._watch(alone))
        return kept

    def _items(self, changed: set[str]) -> tuple[dict[str, bytes], set[str]]:
        """The fields of items that changed, with their order, and those of items that are gone."""
        fields: dict[str, bytes] = {}
        removed: set[str] = set()
        for item_id in changed:
            item = self._conversation.get(item_id)
            if item is None:
                removed.add(ITEM + item_id)
            # What is being answered is kept once it is there; what was said, as soon as somebody hears it out.
            elif item.status != "in_progress" or HEARING + item_id in self._own:
                fields |= _field(item)
        if changed:
            order = self._conversation.order
            before = [item_id for item_id in self._before if item_id not in set(order) | changed]
            fields[ORDER] = orjson.dumps([*before, *order])
        return fields, removed

    def _put_back(self, fields: dict[str, bytes], gone: set[str], changed: set[str]) -> None:
        """What was not written is to be written, unless it has changed meanwhile."""
        self._fields = {name: data for name, data in fields.items() if name not in self._gone} | self._fields
        self._gone |= gone - self._fields.keys()
        self._conversation.changed |= changed

    async def _watch(self, mark: str) -> None:
        """Looks whether somebody else has taken the mark of our answer away."""
        while mark in self._own and not self._closed:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if not await self._conversations.overtaken(self._session_id, mark):
                    continue
            except StageUnavailable:
                continue
            if mark in self._own:
                self._overtaken(mark.removeprefix(ANSWERING))
            return


def _field(item: Item) -> dict[str, bytes]:
    try:
        return {ITEM + item.id: orjson.dumps(item)}
    except TypeError:  # text that is none, which must not keep the rest from being written
        structlog.get_logger().warning("item not kept", item_id=item.id[:64])
        return {}
