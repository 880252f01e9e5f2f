"""Keeping conversations: through a Redis that goes away, beside other versions, and with little to read."""

from __future__ import annotations

import asyncio
import time

import orjson
import pytest

from viva.errors import StageUnavailable
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.items import Item, Part
from viva_orchestrator.realtime.keeper import Keeper
from viva_orchestrator.realtime.resume import ANSWERING, ITEM, Conversations
from viva_orchestrator.sessions import Sessions, session_keys

from .conftest import PATIENCE_S
from .ear_server import until


class Blinking(Conversations):
    """Conversations in a Redis that is away for the next `away` writes."""

    away = 0
    writes = 0

    async def write(self, *arguments, **named) -> bool:
        self.writes += 1
        if self.away:
            self.away -= 1
            raise StageUnavailable("redis", "It is away.")
        return await super().write(*arguments, **named)


@pytest.fixture
def conversations(redis_client) -> Blinking:
    return Blinking(redis_client, expiry_s=60)


@pytest.fixture
def sessions(redis_client, tmp_path) -> Sessions:
    return Sessions(redis_client, ObjectStore.open(str(tmp_path)), expiry_s=60)


@pytest.fixture
async def session_id(sessions) -> str:
    return (await sessions.open("lec_1")).session_id


def user(item_id: str, words: str = "words") -> Item:
    return Item(item_id, "user", (Part("input_text", words),))


async def test_what_redis_missed_is_written_once_it_is_back(conversations, session_id):
    """Items, deletions, the configuration and the end of a mark, without anything else having to change."""
    conversation = Conversation([user("gone")])
    keeper = Keeper(conversations, session_id, conversation)
    keeper.answering("turn_1", time.time() + 3600)
    await keeper.flush(PATIENCE_S)
    assert (await conversations.read(session_id)).answering == {"turn_1"}
    conversations.away = 2
    conversation.remove("gone")
    conversation.add(user("new"))
    keeper.configured(Configuration({"output_modalities": ["text"]}, "alloy"))
    keeper.answering("turn_1", None)
    await keeper.close(PATIENCE_S)

    kept = await conversations.read(session_id)
    assert [item.id for item in kept.items] == ["new"]
    assert (kept.answering, kept.asked) == (frozenset(), {"output_modalities": ["text"]})


async def test_what_changes_while_redis_is_away_is_not_undone(conversations, session_id):
    """A mark that ended before it could be written is never written."""
    conversations.away = 1
    keeper = Keeper(conversations, session_id, Conversation([user("a")]))
    keeper.answering("turn_1", time.time() + 3600)
    await until(lambda: conversations.writes)
    keeper.answering("turn_1", None)
    await keeper.close(PATIENCE_S)

    assert (await conversations.read(session_id)).answering == frozenset()


async def test_a_session_that_is_stored_late_has_all_of_its_conversation(conversations, sessions):
    """What was said before its first turn is kept with what comes after."""
    session = sessions.begin("lec_1")
    conversation = Conversation([user("before")])
    keeper = Keeper(conversations, session.session_id, conversation)
    keeper.changed()
    await keeper.flush(PATIENCE_S)
    assert await conversations.read(session.session_id) is None
    await sessions.store(session)
    conversation.add(user("after"))
    keeper.changed()
    await keeper.close(PATIENCE_S)

    assert [item.id for item in (await conversations.read(session.session_id)).items] == ["before", "after"]


async def test_the_order_of_what_could_not_be_read_stays(conversations, session_id):
    """Items of a connection that knew nothing of those before come behind them."""
    before = Keeper(conversations, session_id, Conversation([user(f"item_{n}") for n in (2, 1, 3)]))
    before.changed()
    await before.close(PATIENCE_S)
    conversation = Conversation([user("item_0")])
    keeper = Keeper(conversations, session_id, conversation, unread=True)
    keeper.changed()
    await keeper.flush(PATIENCE_S)
    conversation.add(user("item_9"))
    keeper.changed()
    await keeper.close(PATIENCE_S)

    kept = await conversations.read(session_id)
    assert [item.id for item in kept.items] == ["item_2", "item_1", "item_3", "item_0", "item_9"]
    assert [*await conversations.order(session_id)] == [item.id for item in kept.items]


async def test_text_that_is_none_does_not_keep_the_rest_from_being_written(conversations, session_id):
    """One item is missing then, and no more."""
    keeper = Keeper(conversations, session_id, Conversation([user("odd", "\ud800"), user("good")]))
    keeper.changed()
    await keeper.close(PATIENCE_S)

    assert [item.id for item in (await conversations.read(session_id)).items] == ["good"]


async def test_waiting_for_an_answer_reads_the_conversation_once(conversations, session_id, monkeypatch):
    """It looks at the mark, and at the items when that has gone."""
    keeper = Keeper(conversations, session_id, Conversation([user("a")]))
    keeper.answering("turn_1", time.time() + 3600)
    await keeper.flush(PATIENCE_S)
    looks, reads = [], []
    marked, read = conversations.marked, conversations.read

    async def look(*arguments):
        looks.append(arguments)
        return await marked(*arguments)

    async def count(*arguments):
        reads.append(arguments)
        return await read(*arguments)

    monkeypatch.setattr(conversations, "marked", look)
    monkeypatch.setattr(conversations, "read", count)
    waiting = asyncio.create_task(conversations.answered(session_id, frozenset({"turn_1"})))
    await until(lambda: len(looks) > 2)
    assert reads == []
    keeper.answering("turn_1", None)

    async with asyncio.timeout(PATIENCE_S):
        assert [item.id for item in await waiting] == ["a"]
    assert len(reads) == 1
    await keeper.close(PATIENCE_S)


async def test_what_a_newer_version_wrote_is_read(conversations, session_id, redis_client):
    """Fields that are not known here are left out; an item that cannot be read at all is not there."""
    keeper = Keeper(conversations, session_id, Conversation([user("a"), user("b"), user("c")]))
    keeper.changed()
    await keeper.close(PATIENCE_S)
    key = session_keys(session_id)[3]
    newer = orjson.loads(await redis_client.hget(key, f"{ITEM}a")) | {"mood": "curious"}
    await redis_client.hset(key, f"{ITEM}a", orjson.dumps(newer))
    await redis_client.hset(key, f"{ITEM}b", b'{"id": "b", "said": []}')
    await redis_client.hset(key, f"{ITEM}c", b"\x00")

    assert (await conversations.read(session_id)).items == (user("a"),)


async def test_who_begins_to_answer_ends_the_answers_of_others(conversations, session_id, monkeypatch):
    """The newest question counts, and the connection that answered the one before is told."""
    monkeypatch.setattr("viva_orchestrator.realtime.keeper.LOOK_EVERY_S", 0.01)
    overtaken: list[str] = []
    first = Keeper(conversations, session_id, Conversation([user("a")]), overtaken=overtaken.append)
    second = Keeper(conversations, session_id, Conversation([user("a")]), overtaken=overtaken.append)
    first.answering("turn_1", time.time() + 3600)
    await first.flush(PATIENCE_S)
    second.answering("turn_2", time.time() + 3600)
    await until(lambda: overtaken)

    assert overtaken == ["turn_1"]
    assert (await conversations.read(session_id)).answering == {"turn_2"}
    for keeper in (first, second):
        await keeper.close(PATIENCE_S)


async def test_who_begins_to_answer_before_the_session_is_stored_ends_the_others_then(conversations, sessions):
    """The mark that could not be kept is the only one once it can."""
    session = sessions.begin("lec_1")
    conversation = Conversation([user("a")])
    keeper = Keeper(conversations, session.session_id, conversation)
    keeper.answering("turn_2", time.time() + 3600)
    await keeper.flush(PATIENCE_S)
    await sessions.store(session)
    other = {f"{ANSWERING}turn_1": str(time.time() + 3600).encode()}
    await conversations.write(session.session_id, other, [])
    keeper.changed()
    await keeper.flush(PATIENCE_S)

    assert (await conversations.read(session.session_id)).answering == {"turn_2"}
    await keeper.close(PATIENCE_S)


async def test_a_session_that_is_deleted_ends_no_answer(conversations, sessions, session_id, monkeypatch):
    """Its mark is gone too, but nobody else has begun to answer."""
    monkeypatch.setattr("viva_orchestrator.realtime.keeper.LOOK_EVERY_S", 0.01)
    overtaken: list[str] = []
    looks: list[str] = []
    keeper = Keeper(conversations, session_id, Conversation([user("a")]), overtaken=overtaken.append)
    look = conversations.overtaken

    async def count(session_id, mark):
        looks.append(mark)
        return await look(session_id, mark)

    monkeypatch.setattr(conversations, "overtaken", count)
    keeper.answering("turn_1", time.time() + 3600)
    await keeper.flush(PATIENCE_S)
    await sessions.delete(session_id)
    seen = len(looks)
    await until(lambda: len(looks) > seen + 3)

    assert (overtaken, looks[0]) == ([], f"{ANSWERING}turn_1")
    await keeper.close(PATIENCE_S)
