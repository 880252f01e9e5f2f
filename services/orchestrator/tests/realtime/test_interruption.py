"""Ending an answer: in every stage, the one that is meant, once, and without waiting for anybody."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import PATIENCE_S
from .test_items import history, until_remembered
from .test_spoken import started

TWO_SENTENCES = ["It was Jack Kilby [1]. He showed ", "it in 1958 [2]."]


async def answering(caller, servers, **response) -> str:
    """A question whose answer has begun and does not go on; returns the response's id."""
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create", response=response)
    created = await caller.until("response.created")
    await caller.until("response.output_audio_transcript.delta")
    return created["response"]["id"]


@pytest.mark.parametrize("by", ["speaking", "response.cancel"])
async def test_an_interruption_ends_the_work_in_every_stage(caller, servers, by):
    """The model's server and the voice's see their client leave, both in the middle of their work."""
    servers.deltas = TWO_SENTENCES
    servers.mute.set()
    await answering(caller, servers)
    async with asyncio.timeout(PATIENCE_S):
        await servers.speaking.wait()
    if by == "speaking":
        await started(caller, servers)
    else:
        await caller.send("response.cancel")

    assert (await caller.until("response.done"))["response"]["status"] == "cancelled"
    async with asyncio.timeout(PATIENCE_S):
        await servers.left.wait()
        await servers.unheard.wait()


async def test_a_cancel_is_for_the_response_that_it_names(caller, servers):
    """One that is over, or was never there, is answered in the words that clients know, and nothing ends."""
    old = (await caller.asks())["id"]
    await answering(caller, servers)
    for response_id in (old, "resp_nobody"):
        await caller.send("response.cancel", response_id=response_id, event_id="mine")
        error = (await caller.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "mine")
        assert error["message"].startswith("Cancellation failed")
    servers.pause.set()

    assert (await caller.until("response.done"))["response"]["status"] == "completed"


async def test_a_response_that_stands_alone_can_be_cancelled(caller, servers):
    """By its id; the conversation's own goes on."""
    own = await answering(caller, servers)
    await caller.send("response.create", response={"conversation": "none"})
    alone = (await caller.until("response.created"))["response"]["id"]
    await caller.send("response.cancel", response_id=alone)
    cancelled = (await caller.until("response.done"))["response"]
    servers.pause.set()
    completed = (await caller.until("response.done"))["response"]

    assert (cancelled["id"], cancelled["status"]) == (alone, "cancelled")
    assert (completed["id"], completed["status"]) == (own, "completed")


@pytest.fixture
def redis_answers(replica, monkeypatch) -> asyncio.Event:
    """Redis takes no turn before this is set; `asked` is, when it is to take one."""
    answers = asyncio.Event()
    answers.asked = asyncio.Event()
    append = replica.app.state.sessions.append

    async def slow(*arguments, **options) -> None:
        answers.asked.set()
        await answers.wait()
        await append(*arguments, **options)

    monkeypatch.setattr(replica.app.state.sessions, "append", slow)
    return answers


async def test_two_who_cancel_end_it_once(caller, servers, replica, redis_answers):
    """The client and whoever speaks: one response.done, though Redis does not answer, and the next answer begins."""
    servers.deltas = TWO_SENTENCES
    servers.ms_per_letter = 10
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio.delta")
    await caller.send("response.cancel")
    await started(caller, servers)
    if not caller.all("response.done"):
        await caller.until("response.done")
    await caller.says("and when")
    await caller.send("response.create")
    await caller.until("response.created")
    redis_answers.set()
    servers.pause.set()
    await caller.until("response.done")

    kinds = [event["type"] for event in caller.seen if event["type"] in ("response.created", "response.done")]
    assert kinds == ["response.created", "response.done"] * 2
    assert ("who made the first circuit", "It was Jack Kilby.", True) in await history(replica, caller)


async def test_who_hangs_up_while_the_server_interrupts_loses_nothing(caller, servers, replica, redis_answers):
    """What was heard of the answer is remembered though the stream that found the speech ends in the middle of it."""
    servers.deltas = TWO_SENTENCES
    servers.ms_per_letter = 10
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio.delta")
    await started(caller, servers)
    async with asyncio.timeout(PATIENCE_S):
        await redis_answers.asked.wait()
        await caller.socket.close()
        await servers.hung_up.wait()
    redis_answers.set()

    await until_remembered(replica, caller, ("who made the first circuit", "It was Jack Kilby.", True))


@pytest.mark.parametrize("place", [0, -1])
async def test_a_running_answer_that_is_deleted_does_not_come_back(caller, servers, replica, place):
    """Deleting it, or its question, ends it, and neither the history nor whoever resumes has it."""
    servers.deltas = TWO_SENTENCES
    servers.ms_per_letter = 10
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio.delta")
    item_id = caller.all("conversation.item.added")[place]["item"]["id"]
    await caller.send("conversation.item.delete", item_id=item_id)
    assert (await caller.until("response.done"))["response"]["status"] == "cancelled"
    await caller.until("conversation.item.deleted")
    servers.pause.set()

    assert await history(replica, caller) == []
    session = caller.seen[0]["session"]["id"]
    await caller.socket.close()
    again = await replica.call(f"/v1/realtime?session_id={session}")
    await again.send("conversation.item.retrieve", item_id=item_id)
    assert (await again.next())["type"] == "error"


async def test_a_mistake_of_ours_ends_the_response(caller, servers, monkeypatch):
    """One in making the last events: the client is told that the response failed, and the next one is answered."""

    def broken(*_arguments):
        raise RuntimeError("a mistake")

    servers.finish = False
    with monkeypatch.context() as patched:
        patched.setattr("viva_orchestrator.realtime.reply.with_marks", broken)
        failed = await caller.asks()
    servers.finish = True

    assert failed["status"] == "failed"
    assert failed["status_details"]["error"]["code"] == "internal_error"
    assert failed["output"][0]["status"] == "incomplete"
    assert (await caller.asks("and when"))["status"] == "completed"
