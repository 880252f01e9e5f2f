"""Spoken questions that there is no room for."""

from __future__ import annotations

import asyncio
import gc
import re

from .test_spoken import started


def fill(replica) -> list:
    """As many wait for their answers as may."""
    waits = []
    while not replica.app.state.turns.room.full:
        waits.append(replica.app.state.turns.room.enter("test"))
    return waits


def counted(replica) -> tuple[float, list[str]]:
    """How many turns were refused, and the outcomes of all."""
    page = replica.app.state.metrics.render()[0].decode()
    shed = re.search(r'^viva_requests_shed_total{.*"turns".*} (.*)$', page, re.MULTILINE)
    return float(shed[1]), re.findall(r'^viva_turns_total{.*outcome="(.*?)".* [1-9]', page, re.MULTILINE)


async def test_what_could_not_be_answered_is_not_heard_either(replica, servers):
    """The recogniser is not asked; the words and the response fail of the same, and the next question is answered."""
    caller = await replica.call()
    await caller.by_hand()
    waits = fill(replica)
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    failed = await caller.until("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["code"] == "overloaded"
    for wait in waits:
        wait.left()  # too late for what was said
    await caller.send("response.create")
    response = (await caller.until("response.done"))["response"]
    assert (response["status"], response["status_details"]["error"]["code"]) == ("failed", "overloaded")
    assert servers.recordings == []
    assert counted(replica) == (1, ["shed"])

    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    await caller.send("response.create")
    assert (await caller.until("response.done"))["response"]["status"] == "completed"


async def test_what_is_said_after_that_is_heard(replica, servers):
    """Though nobody asked for an answer to what was refused: one utterance does not refuse the next."""
    caller = await replica.call()
    await caller.by_hand()
    waits = fill(replica)
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    await caller.until("conversation.item.input_audio_transcription.failed")
    for wait in waits:
        wait.left()
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    await caller.send("response.create")
    assert (await caller.until("response.done"))["response"]["status"] == "completed"
    assert servers.prompts[-1][-1]["content"].endswith(servers.words)


async def test_one_question_is_refused_once(replica, servers):
    """Found by the server's ear while the room is full and stays so: one is counted, and asyncio has no complaint."""
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    caller = await replica.call()
    fill(replica)
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    response = (await caller.until("response.done"))["response"]
    assert response["status_details"]["error"]["code"] == "overloaded"
    assert counted(replica) == (1, ["shed"])
    gc.collect()
    assert complaints == []


async def test_a_typed_question_too_many_fails(replica):
    """As a response that has failed, and the connection goes on."""
    caller = await replica.call()
    waits = fill(replica)
    response = await caller.asks()
    assert (response["status"], response["status_details"]["error"]["code"]) == ("failed", "overloaded")
    for wait in waits:
        wait.left()
    assert (await caller.asks())["status"] == "completed"
