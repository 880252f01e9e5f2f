"""Spoken questions over the WebSocket: push-to-talk, turns that the server finds, and interruption."""

from __future__ import annotations

import asyncio

from viva.errors import NotFound

from .conftest import PATIENCE_S


async def started(caller, servers, start_ms: int = 0) -> dict:
    """Sends audio in which the asr stage finds somebody beginning to speak."""
    await caller.speaks()
    servers.heard.put_nowait({"type": "speech_started", "start_ms": start_ms})
    return await caller.until("input_audio_buffer.speech_started")


async def spoken(caller, servers) -> dict:
    """Sends a spoken turn, to where its response is done."""
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    return (await caller.until("response.done"))["response"]


async def test_push_to_talk(caller, servers):
    """Appended, committed and asked for: an item with its transcript, and an answer to it."""
    await caller.by_hand()
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    await caller.send("response.create")
    response = (await caller.until("response.done"))["response"]

    committed = caller.all("input_audio_buffer.committed")[0]
    completed = caller.all("conversation.item.input_audio_transcription.completed")[0]
    assert completed["transcript"] == servers.words
    assert completed["item_id"] == committed["item_id"]
    assert completed["usage"] == {"type": "duration", "seconds": 1.0}
    assert b"WAVE" in servers.recordings[0]
    assert response["status"] == "completed"
    assert servers.prompts[-1][-1]["content"].endswith(servers.words)


async def test_audio_that_was_cleared_is_not_committed(caller):
    """After a clear there is nothing to commit, which is said."""
    await caller.by_hand()
    await caller.speaks()
    await caller.send("input_audio_buffer.clear")
    await caller.until("input_audio_buffer.cleared")
    await caller.send("input_audio_buffer.commit", event_id="mine")

    error = (await caller.until("error"))["error"]
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")


async def test_what_was_said_is_transcribed_though_nobody_asks_for_an_answer(caller, servers):
    """A commit without a response.create gives the item its words."""
    await caller.by_hand()
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    await caller.until("conversation.item.input_audio_transcription.completed")
    done = await caller.until("conversation.item.done")

    assert done["item"]["content"] == [{"type": "input_audio", "transcript": servers.words}]
    assert servers.prompts == []


async def test_the_events_of_a_spoken_turn_come_in_order(caller, servers):
    """One id from speech_started on; the response is created once the question is understood."""
    response = await spoken(caller, servers)

    assert response["status"] == "completed"
    types = caller.types()
    first = types.index("input_audio_buffer.speech_started")
    assert types[first : first + 8] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
    ]
    ids = {caller.all(f"input_audio_buffer.{kind}")[0]["item_id"] for kind in ("speech_started", "committed")}
    assert len(ids) == 1


async def test_partial_transcripts_grow_while_somebody_speaks(caller, servers):
    """Each delta has only what is new, under the id that the item will have."""
    begun = await started(caller, servers)
    servers.heard.put_nowait({"type": "partial", "text": "who made"})
    servers.heard.put_nowait({"type": "partial", "text": "who made the first"})
    deltas = [await caller.until("conversation.item.input_audio_transcription.delta") for _ in range(2)]

    assert "".join(event["delta"] for event in deltas) == "who made the first"
    assert {event["item_id"] for event in deltas} == {begun["item_id"]}


async def test_a_cough_gets_no_answer(caller, servers):
    """Nothing was understood in what the server took for speech: there is an empty transcript and no response."""
    servers.words = ""
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    await caller.until("conversation.item.input_audio_transcription.completed")
    servers.words = "who made the first circuit"

    assert (await caller.asks())["status"] == "completed"
    assert len(caller.all("response.created")) == 1


async def test_turns_can_be_found_without_being_answered(caller, servers):
    """create_response false: the item is there, and the client asks when it likes."""
    await caller.send(
        "session.update",
        session={"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}},
    )
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    await caller.until("conversation.item.done")
    assert servers.prompts == []
    await caller.send("response.create")

    assert (await caller.until("response.done"))["response"]["status"] == "completed"


async def test_a_question_that_cannot_be_transcribed_fails_its_response(caller, servers):
    """The transcription says why, and so does the response."""
    servers.status["asr"] = 500
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    failed = await caller.until("conversation.item.input_audio_transcription.failed")
    response = (await caller.until("response.done"))["response"]

    assert failed["error"]["code"] == "asr_unavailable"
    assert response["status_details"]["error"]["code"] == "asr_unavailable"


async def test_whoever_speaks_interrupts_the_answer_in_every_stage(caller, servers):
    """speech_started, then the response is done, cancelled, and the model's server sees its client leave."""
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    await started(caller, servers)
    response = (await caller.until("response.done"))["response"]

    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    async with asyncio.timeout(PATIENCE_S):
        await servers.left.wait()
    types = caller.types()
    assert types.index("input_audio_buffer.speech_started") < types.index("response.done")


async def test_who_goes_on_speaking_has_not_finished_the_question(caller, servers):
    """A pause within a question: its two halves are one question, and the first gets no response of its own."""
    servers.hold.clear()
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    await caller.until("input_audio_buffer.committed")
    await started(caller, servers, 1000)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 1900})
    await caller.until("input_audio_buffer.committed")
    servers.hold.set()
    response = (await caller.until("response.done"))["response"]

    assert response["status"] == "completed"
    assert len(caller.all("response.created")) == 1
    assert servers.prompts[-1][-1]["content"].endswith(f"{servers.words} {servers.words}")


async def test_an_answer_that_may_not_be_interrupted_goes_on(caller, servers):
    """interrupt_response false: what is said meanwhile is answered once that answer is complete."""
    await caller.send(
        "session.update",
        session={"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}},
    )
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    await started(caller, servers)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": 900})
    await caller.until("conversation.item.input_audio_transcription.completed")
    servers.pause.set()
    statuses = [(await caller.until("response.done"))["response"]["status"] for _ in range(2)]

    assert statuses == ["completed", "completed"]
    assert caller.all("error") == []
    assert servers.prompts[-1][-1]["content"].endswith(servers.words)


async def test_a_response_can_be_cancelled(caller, servers):
    """The stages stop, and what was not heard is not in the history."""
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    await caller.send("response.cancel")
    response = (await caller.until("response.done"))["response"]

    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    async with asyncio.timeout(PATIENCE_S):
        await servers.left.wait()


async def test_cancelling_nothing_is_said_in_the_words_that_clients_know(caller):
    """LiveKit looks at how the message begins, pipecat at the code."""
    await caller.send("response.cancel")
    error = (await caller.until("error"))["error"]

    assert error["code"] == "response_cancel_not_active"
    assert error["message"].startswith("Cancellation failed")


async def test_interruptions_are_counted(caller, servers, replica):
    """By their reason."""
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    await caller.send("response.cancel")
    await caller.until("response.done")

    text = replica.app.state.metrics.render()[0].decode()
    assert 'viva_realtime_interruptions_total{reason="client_cancelled"} 1.0' in text
    assert "viva_realtime_open_connections 1.0" in text


async def test_push_to_talk_needs_no_stream(caller, replica, servers, monkeypatch):
    """With an asr server that has none, committed audio is answered all the same."""

    def absent(path: str):
        raise NotFound("There is no such path.")

    monkeypatch.setattr(replica.app.state.stages.asr, "websocket", absent)
    await caller.by_hand()
    await caller.speaks()
    await caller.send("input_audio_buffer.commit")
    await caller.send("response.create")

    assert (await caller.until("response.done"))["response"]["status"] == "completed"
