"""Spoken questions that there is no room for."""

from __future__ import annotations


def fill(replica) -> list:
    """As many wait for their answers as may."""
    waits = []
    while not replica.app.state.turns.room.full:
        waits.append(replica.app.state.turns.room.enter("test"))
    return waits


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

    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    await caller.send("response.create")
    assert (await caller.until("response.done"))["response"]["status"] == "completed"


async def test_a_typed_question_too_many_fails(replica):
    """As a response that has failed, and the connection goes on."""
    caller = await replica.call()
    waits = fill(replica)
    response = await caller.asks()
    assert (response["status"], response["status_details"]["error"]["code"]) == ("failed", "overloaded")
    for wait in waits:
        wait.left()
    assert (await caller.asks())["status"] == "completed"
