"""Coming back: to any replica, within the time, with nothing lost and nothing said twice."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from viva_orchestrator.question import Question

from .conftest import PATIENCE_S

ANSWER = "It was Jack Kilby. He showed it in 1958."


def session_id(caller) -> str:
    return caller.seen[0]["session"]["id"]


async def vanish(caller) -> None:
    """Breaks the connection without a word, as a lost network does."""
    caller.socket.transport.abort()
    await caller.socket.wait_closed()


async def test_another_replica_carries_on(start, servers):
    """The same session, its configuration and its items; the next answer knows the one before."""
    first, second = await start(), await start()
    caller = await first.call()
    await caller.send("session.update", session={"output_modalities": ["text"], "audio": {"output": {"voice": "echo"}}})
    await caller.until("session.updated")
    response = await caller.asks("who made it")
    await vanish(caller)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}")

    session = again.seen[0]["session"]
    assert (session["id"], session["lecture_id"]) == (session_id(caller), "lec_1")
    assert (session["output_modalities"], session["audio"]["output"]["voice"]) == (["text"], "echo")
    await again.send("conversation.item.retrieve", item_id=response["output"][0]["id"])
    assert (await again.until("conversation.item.retrieved"))["item"] == response["output"][0]
    await again.asks("and when")
    said = [message["content"] for message in servers.prompts[-1] if message["role"] == "user"]
    assert said[0] == "who made it"


async def test_what_was_missed_is_sent_and_nothing_else(start):
    """The items behind the last one that the client has."""
    first, second = await start(), await start()
    caller = await first.call()
    await caller.asks("who made it")
    await caller.asks("and when")
    added = [event["item"]["id"] for event in caller.all("conversation.item.added")]
    await vanish(caller)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}&last_item_id={added[1]}")
    missed = [await again.next() for _ in range(4)]

    assert [event["type"] for event in missed] == ["conversation.item.added", "conversation.item.done"] * 2
    assert [event["item"]["id"] for event in missed[::2]] == added[2:]
    assert missed[0]["previous_item_id"] == added[1]


async def test_an_answer_is_finished_for_who_vanished(start, servers):
    """In writing only; whoever comes back gets it once, from another replica too, and the history has it once."""
    first, second = await start(realtime_resume_s=3600), await start()
    caller = await first.call()
    servers.pause.clear()
    await caller.says("who made it")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    question_id = caller.all("conversation.item.added")[0]["item"]["id"]
    await vanish(caller)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}&last_item_id={question_id}")
    servers.pause.set()
    added = await again.until("conversation.item.added")

    assert added["previous_item_id"] == question_id
    assert added["item"]["content"][0]["transcript"] == ANSWER
    turns = (await second.app.state.sessions.read(session_id(caller))).turns
    assert [turn.answer for turn in turns] == [ANSWER]
    await again.asks("and when")
    items = [event["item"]["id"] for event in again.all("conversation.item.added")]
    assert len(set(items)) == len(items) == 3


async def test_an_answer_nobody_comes_back_for_is_given_up(start, servers):
    """After the time the model's server sees its client leave."""
    replica = await start(realtime_resume_s=0.1)
    caller = await replica.call()
    servers.pause.clear()
    await caller.says("who made it")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    await vanish(caller)

    async with asyncio.timeout(PATIENCE_S):
        await servers.left.wait()


@pytest.mark.parametrize("goodbye", [b"", (1000).to_bytes(2, "big")])
async def test_who_says_goodbye_stops_the_work(start, servers, goodbye):
    """A connection that is closed on purpose, with 1000 or as a browser's close() does, gets nothing finished."""
    replica = await start(realtime_resume_s=3600)
    caller = await replica.call()
    servers.pause.clear()
    await caller.says("who made it")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    # By hand, since the library always sends a code.
    caller.socket.transport.write(Frame(Opcode.CLOSE, goodbye).serialize(mask=True))

    async with asyncio.timeout(PATIENCE_S):
        await servers.left.wait()


async def test_a_replayed_item_is_not_doubled(start, servers):
    """A client that comes back and sends its whole history again has every item once."""
    first, second = await start(), await start()
    caller = await first.call()
    response = await caller.asks("who made it")
    question, answer = caller.all("conversation.item.done")[0]["item"], response["output"][0]
    await vanish(caller)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}")
    for item in (question, answer):
        await again.send("conversation.item.create", item=item)
        assert (await again.until("conversation.item.done"))["item"] == item
    await again.asks("and when")

    said = [message["content"] for message in servers.prompts[-1] if message["role"] == "user"]
    assert said == ["who made it", "and when"]


async def test_truncation_still_knows_the_timing_elsewhere(start, servers):
    """What was spoken by one replica is cut by another."""
    servers.ms_per_letter = 10
    first, second = await start(), await start()
    caller = await first.call()
    item_id = (await caller.asks("who made it"))["output"][0]["id"]
    await vanish(caller)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}")
    await again.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=60)
    await again.until("conversation.item.truncated")
    await again.send("conversation.item.retrieve", item_id=item_id)
    item = (await again.until("conversation.item.retrieved"))["item"]

    assert item["content"][0]["transcript"] == "It was"
    [turn] = (await second.app.state.sessions.read(session_id(caller))).turns
    assert (turn.answer, turn.interrupted) == ("It was", True)


async def test_a_session_of_another_transport_can_be_talked_to(replica, servers):
    """Its questions and answers are items, and the next answer knows them."""
    session = await replica.app.state.sessions.open("lec_1")
    question = Question("who made it", session_id=session.session_id, audio_format=None)
    async for _ in replica.app.state.turns.run(question, transport="json_lines"):
        pass
    caller = await replica.call(f"/v1/realtime?session_id={session.session_id}&last_item_id=root")
    roles = [(await caller.until("conversation.item.added"))["item"]["role"] for _ in range(2)]
    await caller.asks("and when")

    assert roles == ["user", "assistant"]
    said = [message["content"] for message in servers.prompts[-1] if message["role"] == "user"]
    assert said == ["who made it", "and when"]


async def test_transports_may_take_turns(replica, servers):
    """/invoke, the WebSocket, /invoke and the WebSocket again: every answer knows all before it, in their order."""
    session = await replica.app.state.sessions.open("lec_1")

    async def invoke(text: str) -> None:
        question = Question(text, session_id=session.session_id, audio_format=None)
        async for _ in replica.app.state.turns.run(question, transport="json_lines"):
            pass

    async def talk(text: str) -> None:
        caller = await replica.call(f"/v1/realtime?session_id={session.session_id}")
        await caller.asks(text)
        await vanish(caller)

    for number, ask in enumerate((invoke, talk, invoke, talk, invoke), 1):
        await ask(f"question {number}")
    said = [message["content"] for message in servers.prompts[-1] if message["role"] == "user"]
    assert said == [f"question {number}" for number in range(1, 6)]
    await talk("question 6")
    said = [message["content"] for message in servers.prompts[-1] if message["role"] == "user"]
    assert said == [f"question {number}" for number in range(1, 7)]


async def test_a_session_that_is_not_known_any_more_is_begun_anew(replica):
    """Its id differs, which tells the client; a refusal would look to a browser like a server that is away."""
    caller = await replica.call(f"/v1/realtime?session_id=ses_{'0' * 32}&lecture_id=lec_1")

    assert session_id(caller) != f"ses_{'0' * 32}"
    assert (await caller.asks())["status"] == "completed"


async def test_a_session_can_be_taken_up_with_another_lecture(replica):
    """The URL's lecture is the session's from then on, for every transport."""
    caller = await replica.call()
    again = await replica.call(f"/v1/realtime?session_id={session_id(caller)}&lecture_id=lec_2")

    assert again.seen[0]["session"]["lecture_id"] == "lec_2"
    assert (await replica.app.state.sessions.read(session_id(caller))).lecture_id == "lec_2"
    assert (await again.asks())["status_details"]["error"]["code"] == "not_found"


async def test_what_was_forgotten_does_not_come_back(replica, redis_client):
    """A session that is deleted while somebody talks leaves nothing behind."""
    caller = await replica.call()
    await caller.asks("who made it")
    await replica.app.state.sessions.delete(session_id(caller))
    response = await caller.asks("and when")
    await caller.socket.close()

    assert response["viva"]["history_saved"] is False if "viva" in response else response["status"] == "failed"
    assert [key async for key in redis_client.scan_iter(f"*{session_id(caller)}*")] == []
