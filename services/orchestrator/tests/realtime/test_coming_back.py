"""What a client said or asked when its connection broke, and what a second connection of its session does."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import replace

import orjson
from websockets.asyncio.client import connect

from viva.errors import StageUnavailable
from viva_orchestrator.realtime.connection import Connection
from viva_orchestrator.realtime.dialogue import Dialogue

from .conftest import PATIENCE_S, Caller
from .test_resume import ANSWER, session_id, vanish
from .test_spoken import started


async def says_aloud(caller, servers) -> str:
    """Commits a spoken question that the asr stage does not answer yet; returns its item's id."""
    servers.hold.clear()
    await caller.by_hand()
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    return (await caller.until("input_audio_buffer.committed"))["item_id"]


async def asks_and_vanishes(replica, servers) -> Caller:
    """A client whose question the server found, gone before its words were understood."""
    caller = await replica.call()
    servers.hold.clear()
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    await caller.until("input_audio_buffer.committed")
    await kept_as(replica, caller, "in_progress")
    await vanish(caller)
    return caller


async def kept_as(replica, caller, status: str) -> None:
    """Waits until what was said is kept with this status."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            kept = await replica.app.state.realtime.conversations.read(session_id(caller))
            if kept is not None and [item.status for item in kept.items] == [status]:
                return
            await asyncio.sleep(0.01)


async def test_what_was_said_is_not_lost_with_the_connection(start, servers):
    """The item is there at once, its words as soon as they are understood, and it can be asked about all the while."""
    first, second = await start(realtime_resume_s=3600), await start()
    caller = await first.call()
    item_id = await says_aloud(caller, servers)
    await kept_as(first, caller, "in_progress")
    await vanish(caller)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}&last_item_id=none")
    added = await again.until("conversation.item.added")
    await again.send("response.create")
    created = await again.until("response.created")
    servers.hold.set()
    response = (await again.until("response.done"))["response"]

    assert (added["item"]["id"], added["item"]["status"]) == (item_id, "in_progress")
    assert (response["id"], response["status"]) == (created["response"]["id"], "completed")
    [completed] = again.all("conversation.item.input_audio_transcription.completed")
    assert (completed["item_id"], completed["transcript"]) == (item_id, servers.words)
    assert again.all("conversation.item.done")[0]["item"]["id"] == item_id
    assert servers.prompts[-1][-1]["content"].endswith(servers.words)
    assert len(servers.recordings) == 1


async def test_a_question_that_the_server_found_is_answered_though_its_client_left(start, servers):
    """It vanished before its words were understood, and comes back to its question and one answer."""
    first, second = await start(realtime_resume_s=3600), await start()
    caller = await asks_and_vanishes(first, servers)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}&last_item_id=none")
    servers.hold.set()
    done = [(await again.until("conversation.item.done"))["item"] for _ in range(2)]

    assert [item["content"][0]["transcript"] for item in done] == [servers.words, ANSWER]
    assert len(servers.prompts) == 1


async def test_an_answer_comes_behind_the_words_of_its_question(start, servers, monkeypatch):
    """Also when a connection that came back sees it before it sees the words."""
    first, second = await start(realtime_resume_s=3600), await start()
    caller = await asks_and_vanishes(first, servers)
    conversations, found = second.app.state.realtime.conversations, asyncio.Event()
    answered, heard = conversations.answered, conversations.heard

    async def note(*arguments):
        items = await answered(*arguments)
        found.set()
        return items

    async def late(*arguments):
        await found.wait()
        return await heard(*arguments)

    monkeypatch.setattr(conversations, "answered", note)
    monkeypatch.setattr(conversations, "heard", late)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}&last_item_id=none")
    servers.hold.set()
    done = [(await again.until("conversation.item.done"))["item"] for _ in range(2)]

    assert [item["content"][0]["transcript"] for item in done] == [servers.words, ANSWER]


async def test_words_that_were_told_are_kept(caller, replica, servers):
    """Also when nothing else happens after them."""
    await caller.by_hand()
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    await caller.until("conversation.item.done")

    await kept_as(replica, caller, "completed")


async def test_what_cannot_be_transcribed_is_done_all_the_same(caller, replica, servers):
    """The item is incomplete, which is told and kept."""
    servers.status["asr"] = 500
    await caller.by_hand()
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    done = await caller.until("conversation.item.done")

    assert done["item"]["status"] == "incomplete"
    assert len(caller.all("conversation.item.input_audio_transcription.failed")) == 1
    await kept_as(replica, caller, "incomplete")


async def test_who_comes_back_learns_that_it_was_not_understood(start, servers):
    """The transcription that it left behind fails, on a replica that may be of another version."""
    first, second = await start(realtime_resume_s=3600), await start()
    caller = await first.call()
    await says_aloud(caller, servers)
    await kept_as(first, caller, "in_progress")
    await vanish(caller)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}&last_item_id=none")
    conversations = first.app.state.realtime.conversations
    kept = (await conversations.read(session_id(caller))).items[0]
    fields = {f"item:{kept.id}": orjson.dumps(replace(kept, status="incomplete"))}
    await conversations.write(session_id(caller), fields, [f"hearing:{kept.id}"])
    done = await again.until("conversation.item.done")
    servers.hold.set()

    assert done["item"]["status"] == "incomplete"
    assert len(again.all("conversation.item.input_audio_transcription.failed")) == 1


async def test_on_sigterm_what_was_said_is_transcribed_first(start, servers):
    """Then 1012, and another replica has the words."""
    first, second = await start(), await start()
    idle, caller = await first.call(), await first.call()
    item_id = await says_aloud(caller, servers)
    first.server.handle_exit(signal.SIGTERM, None)
    assert await idle.closed() == 1012
    servers.hold.set()
    await caller.until("conversation.item.input_audio_transcription.completed")
    assert await caller.closed() == 1012
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}&last_item_id=none")

    done = await again.until("conversation.item.done")
    assert (done["item"]["id"], done["item"]["content"][0]["transcript"]) == (item_id, servers.words)


async def test_what_redis_missed_is_there_for_who_comes_back(start, own_redis_server, monkeypatch):
    """It was away when the item was made, and the client vanished before it was back."""
    first = await start(redis_url=own_redis_server.url)
    second = await start(redis_url=own_redis_server.url)
    caller = await first.call()
    conversations = first.app.state.realtime.conversations
    missed, write = asyncio.Event(), conversations.write

    async def note(*arguments, **named) -> bool:
        try:
            return await write(*arguments, **named)
        except StageUnavailable:
            missed.set()
            raise

    monkeypatch.setattr(conversations, "write", note)
    own_redis_server.stop()
    await caller.says("who made it", id="mine")
    async with asyncio.timeout(PATIENCE_S):
        await missed.wait()
    await vanish(caller)
    own_redis_server.start()
    await kept_as(first, caller, "completed")
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}&last_item_id=none")

    assert (await again.until("conversation.item.added"))["item"]["id"] == "mine"


async def test_who_comes_back_while_redis_is_away_does_not_scramble_the_conversation(start, own_redis_server):
    """What it says then comes behind what it had said before."""
    replica = await start(redis_url=own_redis_server.url)
    caller = await replica.call()
    for item_id in ("first", "second"):
        await caller.says("so long", id=item_id)
    await caller.send("session.update", session={})
    await caller.until("session.updated")
    conversations = replica.app.state.realtime.conversations
    await _kept_ids(conversations, caller, ["first", "second"])
    await vanish(caller)
    own_redis_server.stop()
    again = await replica.call(f"/v1/realtime?session_id={session_id(caller)}")
    own_redis_server.start()
    await again.says("so long", id="third")

    await _kept_ids(conversations, caller, ["first", "second", "third"])


async def _kept_ids(conversations, caller, ids: list[str]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await conversations.order(session_id(caller)) != ids:  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.01)


async def test_of_two_connections_the_newest_question_is_answered(start, servers):
    """The answer that the other one gets ends, on whichever replica: half-open connections are no reason to refuse."""
    first, second = await start(), await start()
    caller = await first.call()
    servers.pause.clear()
    await caller.says("who made it")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    other = await second.call(f"/v1/realtime?session_id={session_id(caller)}")
    await other.says("and when")
    await other.send("response.create")
    cancelled = (await caller.until("response.done"))["response"]
    servers.pause.set()
    answered = (await other.until("response.done"))["response"]

    assert (cancelled["status"], answered["status"]) == ("cancelled", "completed")
    assert cancelled["status_details"]["reason"] == "client_cancelled"


async def test_a_packed_conversation_is_not_doubled(start, servers):
    """pipecat brings what was said before as one message, also to a session that has it already."""
    first, second = await start(), await start()
    caller = await first.call()
    await caller.asks("who made it")
    await vanish(caller)
    again = await second.call(f"/v1/realtime?session_id={session_id(caller)}")
    messages = [
        {"role": "user", "content": "who made it"},
        {"role": "assistant", "content": f" {ANSWER} "},
        {"role": "user", "content": "and when"},
    ]
    await again.says(f"What was said:\n\n{json.dumps(messages, indent=2)}\n\nGo on.", id="packed")
    assert (await again.until("conversation.item.added"))["item"]["id"] == "packed"
    await again.send("response.create")
    await again.until("response.done")

    said = [message["content"] for message in servers.prompts[-1] if message["role"] == "user"]
    assert said == ["who made it", "and when"]


async def test_a_packed_conversation_with_nothing_new_is_told_under_its_own_id(caller, servers):
    """So that whoever waits for the item goes on."""
    await caller.asks("who made it")
    messages = [{"role": "user", "content": "who made it"}, {"role": "assistant", "content": ANSWER}]
    await caller.says(f"What was said:\n\n{json.dumps(messages)}\n\nGo on.", id="packed")
    await caller.until("conversation.item.added")
    added = await caller.until("conversation.item.done")
    await caller.asks("and when")

    assert (added["item"]["id"], added["item"]["role"]) == ("packed", "assistant")
    said = [message["content"] for message in servers.prompts[-1] if message["role"] == "user"]
    assert said == ["who made it", "and when"]


async def test_a_slow_object_store_holds_no_session_up(replica):
    """A session is created and updated while the lecture is still being read."""

    async def never(lecture_id: str):
        await asyncio.Event().wait()

    replica.app.state.lectures.transcript = never
    caller = await replica.call()
    await caller.send("session.update", session={"lecture_id": "lec_2"})

    assert (await caller.until("session.updated"))["session"]["lecture_id"] == "lec_2"
    assert (await replica.app.state.sessions.read(session_id(caller))).lecture_id == "lec_2"


async def test_a_connection_that_breaks_on_our_side_leaves_nothing_running(replica, monkeypatch):
    """Whatever was done for it ends."""
    closed = asyncio.Event()
    close = Dialogue.close

    async def follow(self) -> int:
        raise RuntimeError("ours")

    async def note(self) -> None:
        await close(self)
        closed.set()

    monkeypatch.setattr(Connection, "_follow", follow)
    monkeypatch.setattr(Dialogue, "close", note)
    async with connect(f"{replica.url}/v1/realtime"), asyncio.timeout(PATIENCE_S):
        await closed.wait()
