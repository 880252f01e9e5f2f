"""What a connection may not do, how it is told, and that others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from .conftest import PATIENCE_S


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_event"),
        ('{"type": "session.destroy", "event_id": "mine"}', "unknown_event"),
        ('{"type": 5}', "unknown_event"),
        ('{"type": "input_audio_buffer.append", "audio": "!"}', "invalid_audio"),
        ('{"type": "input_audio_buffer.append", "audio": 7}', "invalid_audio"),
        ('{"type": "conversation.item.delete"}', "missing_item_id"),
        (b"\xff\xfe", "invalid_json"),
    ],
)
async def test_what_means_nothing_is_said_and_the_conversation_goes_on(caller, message, code):
    """An error event, and the next question is answered."""
    await caller.socket.send(message)
    error = (await caller.until("error"))["error"]

    assert error["code"] == code
    assert error["event_id"] == ("mine" if "mine" in str(message) else None)
    assert (await caller.asks())["status"] == "completed"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update"},
        {
            "type": "session.update",
            "session": {"audio": None, "tools": "x", "tool_choice": {"type": "function"}},
        },
        {
            "type": "session.update",
            "session": {"audio": {"input": 5, "output": {"voice": 7, "speed": "fast"}}},
        },
        {"type": "conversation.item.create"},
        {
            "type": "conversation.item.create",
            "item": {"id": 5, "role": "nobody", "content": [5, {"type": 7}]},
        },
        {"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": "soon"},
        {"type": "conversation.item.truncate", "item_id": "x", "content_index": 2**80, "audio_end_ms": 1e300},
        {"type": "response.create", "response": []},
        {"type": "input_audio_buffer.append"},
    ],
)
async def test_odd_fields_break_nothing(caller, event):
    """Whatever is in them, the connection lives."""
    await caller.send(**({"kind": event["type"]} | {name: value for name, value in event.items() if name != "type"}))

    await caller.says("who made the first circuit")
    await caller.send("conversation.item.retrieve", item_id="nobody")
    assert (await caller.until("error"))["error"]["code"] == "item_retrieve_invalid_item_id"


async def test_half_a_character_in_a_packed_conversation_spoils_no_answer(caller):
    """No JSON could be written of it, which would fail this turn and every one after it."""
    messages = r'[{"role": "user", "content": "\ud83d"}, {"role": "user", "content": "who made it"}]'
    await caller.says(f"Before.\n\n{messages}\n\nAfter.")
    await caller.send("response.create")

    assert (await caller.until("response.done"))["response"]["status"] == "completed"
    assert (await caller.asks("and when"))["status"] == "completed"
    assert caller.all("error") == []


async def test_what_is_kept_of_a_client_is_bounded(start):
    """Ids, types, parts and settings of any name: the oldest items go, and the session stays one that can be told."""
    replica = await start(realtime_max_characters=20_000)
    caller = await replica.call()
    for number in range(12):
        parts = [{"type": "t" * 5000}] * 100
        item = {"id": f"{number:03}" + "i" * 100_000, "role": "user", "content": parts}
        await caller.send("conversation.item.create", item=item)
        session = {"audio": {"input": {f"k{number}": "x" * 90_000}}, "tracing": {f"k{number}": "x" * 9000}}
        await caller.send("session.update", session=session)
        told = await caller.until("session.updated")
    await caller.send("conversation.item.retrieve", item_id="000" + "i" * 197)

    assert (await caller.until("error"))["error"]["code"] == "item_retrieve_invalid_item_id"
    assert len(json.dumps(told)) < 20_000
    assert all(len(json.dumps(event)) < 20_000 for event in caller.all("conversation.item.added"))


async def test_a_message_over_the_limit_closes_with_1009(start):
    """Also when the client is still sending it; others do not notice."""
    replica = await start(ws_message_bytes=64 * 1024)
    caller, other = await replica.call(), await replica.call()
    with contextlib.suppress(Exception):  # the server may close while this is still being sent
        await caller.socket.send("x" * (16 * 1024 * 1024))

    assert await caller.closed() == 1009
    await _counted(replica, "dropped")
    assert (await other.asks())["status"] == "completed"


async def test_a_message_under_the_limit_is_taken(start):
    """An item of fifty thousand characters."""
    replica = await start(ws_message_bytes=64 * 1024)
    caller = await replica.call()
    await caller.says("x" * 50_000)

    assert (await caller.until("conversation.item.done"))["item"]["content"][0]["text"] == "x" * 50_000


async def test_a_slow_reader_is_dropped_and_others_do_not_notice(start, servers):
    """One that lets more pile up than the bound is gone, counted, and the memory with it."""
    replica = await start(realtime_outgoing_bytes=256 * 1024, realtime_slow_reader_s=3600)
    slow, other = await replica.call(), await replica.call()
    slow.socket.transport.pause_reading()
    item = {"id": "big", "role": "user", "content": [{"type": "input_text", "text": "x" * 100_000}]}
    await slow.send("conversation.item.create", item=item)
    with contextlib.suppress(Exception):
        while True:  # asks for far more than it reads
            await slow.send("conversation.item.retrieve", item_id="big")

    assert (await other.asks())["status"] == "completed"
    await _counted(replica, "dropped")
    slow.socket.transport.abort()


async def test_who_reads_nothing_for_long_is_dropped(start, servers):
    """Though little waits for it."""
    replica = await start(realtime_slow_reader_s=0.5)
    slow = await replica.call()
    servers.ms_per_letter = 3000  # two minutes of speech
    slow.socket.transport.pause_reading()
    await slow.says("who made it")
    await slow.send("response.create")

    await _counted(replica, "dropped")
    slow.socket.transport.abort()


async def test_too_many_connections_are_refused_with_503(start):
    """With Retry-After; when one leaves there is room again."""
    replica = await start(realtime_max_connections=1)
    caller = await replica.call()
    with pytest.raises(InvalidStatus) as refused:
        await replica.call()
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "1"
    assert json.loads(refused.value.response.body)["error"]["code"] == "overloaded"
    await caller.socket.close()
    await _counted(replica, "closed")

    assert (await (await replica.call()).asks())["status"] == "completed"


@pytest.mark.parametrize(
    ("origin", "allowed", "taken"),
    [
        ("https://elsewhere.example", "", False),
        ("https://elsewhere.example", "https://elsewhere.example, https://b.example", True),
        ("https://elsewhere.example", "*", True),
        (None, "", True),
    ],
)
async def test_pages_from_elsewhere_may_not_connect(start, origin, allowed, taken):
    """Unless their origin is named; programs, which send none, may."""
    replica = await start(realtime_origins=allowed)
    with contextlib.nullcontext() if taken else pytest.raises(InvalidStatus, match="403"):
        await replica.call(origin=origin)


async def test_the_page_of_this_host_may_connect(replica):
    """With the subprotocols that browsers send, of which one is taken."""
    host = replica.url.removeprefix("ws")
    caller = await replica.call(origin=f"http{host}", subprotocols=["realtime", "openai-insecure-api-key.x"])

    assert caller.socket.subprotocol == "realtime"


async def test_idle_connections_are_pinged(start):
    """One that is gone without a word, and answers none, is noticed."""
    replica = await start(ws_ping_s=0.2)
    gone = await replica.call()
    gone.socket.transport.pause_reading()

    await _counted(replica, "vanished")
    gone.socket.transport.abort()


async def test_nothing_is_compressed(replica):
    """Speech does not get smaller, and every connection would have its buffers."""
    async with connect(f"{replica.url}/v1/realtime", compression="deflate") as socket:
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_a_long_conversation_forgets_its_beginning(start):
    """Over the bound the oldest items go; the newest is always there."""
    replica = await start(realtime_max_items=3)
    caller = await replica.call()
    for number in range(5):
        await caller.says("so long", id=f"item_{number}")
        await caller.until("conversation.item.done")
    found = []
    for number in range(5):
        await caller.send("conversation.item.retrieve", item_id=f"item_{number}")
        event = await caller.next()
        found.append(event["type"] == "conversation.item.retrieved")

    assert found == [False, False, True, True, True]


async def test_one_client_does_not_take_all_the_turns(caller, servers):
    """Responses that stand alone are bounded, too."""
    servers.pause.clear()
    await caller.says("who made it")
    for _ in range(5):
        await caller.send("response.create", response={"conversation": "none"})
    error = (await caller.until("error"))["error"]
    servers.pause.set()

    assert error["code"] == "conversation_already_has_active_response"
    assert len(caller.all("response.created")) == 4


async def test_without_redis_questions_are_answered_and_that_is_said(start, own_redis_server):
    """history_saved is false; once Redis is back the same conversation is kept, with the session."""
    replica = await start(redis_url=own_redis_server.url)
    own_redis_server.stop()
    caller = await replica.call()
    without = await caller.asks("who made it")
    own_redis_server.start()
    again = await caller.asks("and when")

    assert (without["status"], without["viva"]["history_saved"]) == ("completed", False)
    assert (again["status"], again["viva"]["history_saved"]) == ("completed", True)
    session = await replica.app.state.sessions.read(caller.seen[0]["session"]["id"])
    assert [turn.question for turn in session.turns] == ["and when"]


async def test_on_sigterm_the_running_turn_ends_and_then_1012(start, servers):
    """An idle connection is closed at once, one that is being answered when it has its answer, whole and committed."""
    replica = await start()
    idle, busy = await replica.call(), await replica.call()
    servers.pause.clear()
    await busy.says("who made the first circuit")
    await busy.send("response.create")
    await busy.until("response.output_audio_transcript.delta")
    replica.server.handle_exit(signal.SIGTERM, None)
    assert await idle.closed() == 1012
    servers.pause.set()
    response = (await busy.until("response.done"))["response"]

    assert response["status"] == "completed"
    assert response["viva"]["history_saved"] is True
    assert await busy.closed() == 1012


async def test_an_answer_that_takes_longer_than_the_drain_is_cut_short(start, servers):
    """It is told to be over, and then 1012 all the same."""
    replica = await start(drain_s=10)
    caller = await replica.call()
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    replica.server.handle_exit(signal.SIGTERM, None)
    response = (await caller.until("response.done"))["response"]

    assert response["status"] == "cancelled"
    assert await caller.closed() == 1012


async def test_after_a_restart_the_client_carries_on_elsewhere(start):
    """Closed with 1012, it connects to another replica and its conversation is there."""
    first, second = await start(), await start()
    caller = await first.call()
    response = await caller.asks("who made it")
    first.server.handle_exit(signal.SIGTERM, None)
    assert await caller.closed() == 1012
    session = caller.seen[0]["session"]["id"]
    again = await second.call(f"/v1/realtime?session_id={session}")
    await again.send("conversation.item.retrieve", item_id=response["output"][0]["id"])

    assert (await again.until("conversation.item.retrieved"))["item"] == response["output"][0]


async def _counted(replica, outcome: str) -> None:
    """Waits until a connection has ended so."""
    line = f'viva_realtime_connections_total{{outcome="{outcome}"}}'
    async with asyncio.timeout(PATIENCE_S):
        while line not in replica.app.state.metrics.render()[0].decode():  # noqa: ASYNC110 - metrics have no event
            await asyncio.sleep(0.02)
