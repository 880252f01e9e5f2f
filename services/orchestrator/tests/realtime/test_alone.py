"""Responses beside the conversation, and those whose context the client gives."""

from __future__ import annotations

import signal

from .test_items import history, make, said_before
from .test_spoken import started


def message(text: str, role: str = "user") -> dict:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


async def test_a_spoken_question_is_answered_whatever_is_asked_beside_it(caller, servers):
    """A response outside of the conversation does not take the place of the one that waits for its transcript."""
    servers.hold.clear()
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    await caller.until("input_audio_buffer.committed")
    await caller.send("response.create", response={"conversation": "none", "input": [message("who was it")]})
    first = (await caller.until("response.done"))["response"]
    servers.hold.set()
    second = (await caller.until("response.done"))["response"]

    assert (first["conversation_id"], first["status"]) == (None, "completed")
    assert second["conversation_id"] is not None
    assert second["status"] == "completed"


async def test_what_stands_alone_leaves_nothing_in_redis(caller, redis_client):
    """No session of its own, which would be there for a week."""
    before = {key async for key in redis_client.scan_iter("*") if b"ses_" in key}
    response = await caller.asks(conversation="none")

    sessions = {key.split(b"ses_")[1][:32] async for key in redis_client.scan_iter("*") if b"ses_" in key}
    assert response["status"] == "completed"
    assert response["viva"]["history_saved"] is False
    assert sessions == {key.split(b"ses_")[1][:32] for key in before}


async def test_what_is_given_stands_in_the_conversations_place(caller, servers, replica):
    """The model sees the items of `input`, and neither the conversation nor the session's history."""
    await caller.asks("who made it")
    given = [message("what is a moth"), message("An insect.", "assistant"), message("who was it")]
    await caller.send("response.create", response={"input": given})
    response = (await caller.until("response.done"))["response"]

    assert response["status"] == "completed"
    assert servers.prompts[-1][-1]["content"].endswith("who was it")
    assert said_before(servers) == ["what is a moth", "An insect."]
    assert [question for question, _, _ in await history(replica, caller)] == ["who made it", "who was it"]


async def test_an_empty_context_has_no_question(caller):
    """`input: []` is nothing to answer, whatever was said before."""
    await make(caller, "user", "who made it")
    await caller.send("response.create", response={"input": []})
    response = (await caller.until("response.done"))["response"]

    assert response["status_details"]["error"]["code"] == "no_question"


async def test_beside_the_conversation_it_is_known_what_was_said(caller, servers):
    """Without `input` the conversation is the context, and nothing is added to it."""
    await caller.asks("who made it")
    await caller.asks("and when", conversation="none")
    before = said_before(servers)
    await caller.asks("and where")

    assert before[0] == "who made it"
    roles = [event["item"]["role"] for event in caller.all("conversation.item.done")]
    assert roles == ["user", "assistant", "user", "user", "assistant"]


async def test_a_server_that_stops_waits_for_what_stands_alone(start, servers):
    """It ends with its response.done like any other, and then comes 1012."""
    replica = await start()
    caller = await replica.call()
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create", response={"conversation": "none"})
    await caller.until("response.output_audio_transcript.delta")
    idle = await replica.call()
    replica.server.handle_exit(signal.SIGTERM, None)
    assert await idle.closed() == 1012
    servers.pause.set()

    assert (await caller.until("response.done"))["response"]["status"] == "completed"
    assert await caller.closed() == 1012


async def test_what_stands_alone_is_cut_short_in_the_end(start, servers):
    """When there is no time for the rest it is told to be cancelled."""
    replica = await start(drain_s=10)
    caller = await replica.call()
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create", response={"conversation": "none"})
    await caller.until("response.output_audio_transcript.delta")
    replica.server.handle_exit(signal.SIGTERM, None)

    assert (await caller.until("response.done"))["response"]["status"] == "cancelled"
    assert await caller.closed() == 1012
