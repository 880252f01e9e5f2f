"""Sessions: kept in a real Redis, archived to the object store."""

from __future__ import annotations

import time

import orjson
import pytest

from viva.errors import NotFound, StageUnavailable
from viva.events import Citation, ContextUse, Receipt
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.sessions import PastTurn, Sessions
from viva_orchestrator.state import connect


def past_turn(number: int) -> PastTurn:
    citation = Citation("lec_1", 1.0, 2.5, "words")
    receipt = Receipt(llm_first_token_ms=number, total_ms=2.0, context=ContextUse("passages", 7, None, 2))
    answer = f"a{number}"
    return PastTurn(
        f"turn_{number}",
        f"q{number}",
        answer,
        f"{answer} [1]",
        "lec_1",
        (citation,),
        None,
        1.0,
        receipt=receipt,
    )


@pytest.fixture
def sessions(redis_client, tmp_path):
    return Sessions(redis_client, ObjectStore.open(str(tmp_path)), expiry_s=7 * 24 * 3600)


async def test_turns_come_back_in_order(sessions):
    """All of them, or the last few."""
    session = await sessions.open("lec_1")
    for number in range(5):
        await sessions.append(session.session_id, past_turn(number))
    assert (await sessions.read(session.session_id)).turns == tuple(past_turn(number) for number in range(5))
    assert [turn.turn_id for turn in (await sessions.read(session.session_id, last=2)).turns] == [
        "turn_3",
        "turn_4",
    ]


async def test_a_turn_committed_twice_is_there_once(sessions):
    """A retry after a lost reply doubles nothing, also when another turn came between."""
    session_id = (await sessions.open()).session_id
    for number in (1, 2, 1, 2):
        await sessions.append(session_id, past_turn(number))
    assert [turn.turn_id for turn in (await sessions.read(session_id)).turns] == ["turn_1", "turn_2"]


async def test_a_session_is_forgotten_a_week_after_its_last_turn(sessions, redis_client):
    """Every key of it expires, and a turn sets all of them back."""
    session_id = (await sessions.open()).session_id
    keys = [f"viva:session:{{{session_id}}}{suffix}" for suffix in ("", ":turns", ":ids")]
    await redis_client.expire(keys[0], 10)
    await sessions.append(session_id, past_turn(1))
    for key in keys:
        assert await redis_client.ttl(key) > 6 * 24 * 3600


async def test_unknown_expired_and_deleted_sessions_are_not_found(sessions):
    """For reading, adding, deleting and archiving."""
    session_id = (await sessions.open()).session_id
    await sessions.delete(session_id)
    for call in (sessions.read, sessions.delete, sessions.archive):
        with pytest.raises(NotFound):
            await call(session_id)
    with pytest.raises(NotFound):
        await sessions.append(session_id, past_turn(1))


async def test_an_archive_has_the_whole_conversation(sessions, tmp_path):
    """One object; the session is gone from Redis; ending it again says the same."""
    session_id = (await sessions.open("lec_1")).session_id
    for number in range(3):
        await sessions.append(session_id, past_turn(number))
    key, turns = await sessions.archive(session_id)
    record = orjson.loads((tmp_path / key).read_bytes())
    assert [turn["question"] for turn in record["turns"]] == ["q0", "q1", "q2"]
    assert record["turns"][0]["citations"][0]["end"] == 2.5
    with pytest.raises(NotFound):
        await sessions.read(session_id)
    assert await sessions.archive(session_id) == (key, turns)


async def test_a_turn_committed_while_the_archive_is_written_is_in_it(sessions, tmp_path):
    """Its client has seen `done`: it is neither lost with the session nor left out of the archive."""
    session_id = (await sessions.open("lec_1")).session_id
    await sessions.append(session_id, past_turn(1))
    put = sessions._objects.put

    async def put_and_append(key: str, data: bytes) -> None:
        await put(key, data)
        if b"turn_2" not in data:
            await sessions.append(session_id, past_turn(2))

    sessions._objects.put = put_and_append
    key, turns = await sessions.archive(session_id)
    assert turns == 2
    assert len(orjson.loads((tmp_path / key).read_bytes())["turns"]) == 2


async def test_no_history_can_be_asked_for(sessions):
    """Zero turns are zero, not all."""
    session_id = (await sessions.open()).session_id
    await sessions.append(session_id, past_turn(1))
    assert (await sessions.read(session_id, last=0)).turns == ()


async def test_committed_turns_outlive_redis(own_redis_server, tmp_path):
    """What was acknowledged is in the append-only file, even when Redis is killed a moment later."""
    async with connect(own_redis_server.url) as client:
        sessions = Sessions(client, ObjectStore.open(str(tmp_path)), expiry_s=60)
        session_id = (await sessions.open()).session_id
        await sessions.append(session_id, past_turn(1))
        own_redis_server.stop()
        started = time.monotonic()
        with pytest.raises(StageUnavailable):
            await sessions.read(session_id)
        assert time.monotonic() - started < 30
        own_redis_server.start()
        assert len((await sessions.read(session_id)).turns) == 1


async def test_a_turn_that_a_newer_version_wrote_is_read(sessions, redis_client):
    """While the service is updated both versions are at work; what only the newer one knows is left out."""
    session = await sessions.open("lec_1")
    await sessions.append(session.session_id, past_turn(1))
    key = f"viva:session:{{{session.session_id}}}:turns"
    turn = orjson.loads(await redis_client.lindex(key, 0)) | {"mood": "curious"}
    turn["citations"][0]["speaker"] = "the lecturer"
    await redis_client.lset(key, 0, orjson.dumps(turn))

    assert (await sessions.read(session.session_id)).turns == (past_turn(1),)
