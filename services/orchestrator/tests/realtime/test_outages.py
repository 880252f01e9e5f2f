"""A slow or absent asr stage, to clients that do nothing wrong: no question is lost, and none of them gets an error."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from viva.errors import NotFound, StageUnavailable
from viva_orchestrator.realtime import ear, transcribing

from .conftest import PATIENCE_S
from .test_spoken import started

FAILED = "conversation.item.input_audio_transcription.failed"


async def turn(caller, servers, start_ms: int) -> str:
    """A turn that the server finds; returns the id of its item."""
    await started(caller, servers, start_ms)
    servers.heard.put_nowait({"type": "speech_stopped", "end_ms": start_ms + 900})
    return (await caller.until("input_audio_buffer.committed"))["item_id"]


async def test_no_question_is_lost_while_the_stage_is_slow(caller, servers):
    """Six turns, one after the other, before the first is transcribed: one response, which is about all of them."""
    servers.hold.clear()
    items = [await turn(caller, servers, 1000 * number) for number in range(6)]
    servers.hold.set()
    response = (await caller.until("response.done"))["response"]

    assert response["status"] == "completed"
    assert servers.prompts[-1][-1]["content"].endswith(" ".join([servers.words] * 6))
    completed = caller.all("conversation.item.input_audio_transcription.completed")
    assert {event["item_id"] for event in completed} == set(items)
    assert caller.all("error") == []


async def test_what_is_too_much_is_an_item_whose_transcription_failed(caller, servers, monkeypatch):
    """So is its response, and no error; the next question is answered."""
    monkeypatch.setattr(transcribing, "AT_ONCE", 1)
    monkeypatch.setattr(transcribing, "WAITING", 0)
    servers.hold.clear()
    await turn(caller, servers, 0)
    refused = await turn(caller, servers, 1000)
    failed = await caller.until(FAILED)
    servers.hold.set()
    response = (await caller.until("response.done"))["response"]

    assert (failed["item_id"], failed["error"]["code"]) == (refused, "transcription_in_progress")
    assert response["status_details"]["error"]["code"] == "transcription_in_progress"
    assert (await caller.asks("and when"))["status"] == "completed"
    assert caller.all("error") == []


async def test_the_stage_is_not_asked_for_more_than_a_few_at_once(caller, servers):
    """Those that are over wait here."""
    servers.hold.clear()
    for number in range(transcribing.AT_ONCE + 2):
        await turn(caller, servers, 1000 * number)
    async with asyncio.timeout(PATIENCE_S):
        while len(servers.recordings) < transcribing.AT_ONCE:  # noqa: ASYNC110 - a list has no event
            await asyncio.sleep(0.01)
    await caller.send("conversation.item.retrieve", item_id="nobody")  # answered behind all that was sent
    await caller.until("error")
    assert len(servers.recordings) == transcribing.AT_ONCE
    servers.hold.set()
    await caller.until("response.done")

    assert len(servers.recordings) == transcribing.AT_ONCE + 2


@pytest.fixture
def no_stream(replica, monkeypatch):
    """Makes the asr stage refuse its stream with an error."""

    def refuse(error: Exception) -> None:
        def websocket(path: str):
            raise error

        monkeypatch.setattr(replica.app.state.stages.asr, "websocket", websocket)

    return refuse


async def told_by_session(caller) -> dict:
    """Sends audio until the session is told anew, and returns it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await caller.speaks()
            await caller.send("conversation.item.retrieve", item_id="nobody")
            while (event := await caller.next())["type"] not in ("session.updated", "error"):
                pass
            if event["type"] == "session.updated":
                return event["session"]


async def test_a_stage_without_a_stream_is_a_session_without_turn_detection(caller, no_stream):
    """The session is told again, without it and with the reason, and is no error; whoever asks for it is told so."""
    no_stream(NotFound("There is no such path."))
    session = await told_by_session(caller)
    detection = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
    await caller.send("session.update", session=detection)
    again = (await caller.until("session.updated"))["session"]

    for told in (session, again):
        assert told["audio"]["input"]["turn_detection"] is None
        assert told["viva"]["not_listening"]["code"] == "turn_detection_unavailable"
    assert {event["error"]["code"] for event in caller.all("error")} <= {"item_retrieve_invalid_item_id"}


async def test_an_outage_is_told_once_and_when_it_is_over(caller, servers, replica, monkeypatch):
    """The session says why nobody listens, which is counted, and says nothing any more when somebody does."""
    monkeypatch.setattr(ear, "_REST_S", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(replica.app.state.stages.asr, "websocket", _away)
        session = await told_by_session(caller)
        assert session["viva"]["not_listening"]["code"] == "asr_unavailable"
        assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        await caller.speaks()
        await caller.asks()
        assert len(caller.all("session.updated")) == 1
        text = replica.app.state.metrics.render()[0].decode()
        assert 'viva_realtime_outages_total{code="asr_unavailable"} 1.0' in text
    servers.heard.put_nowait({"type": "silence", "until_ms": 0})

    assert "viva" not in await told_by_session(caller)


async def test_what_somebody_says_when_the_stream_ends_has_no_words_for_now(caller, servers, replica, monkeypatch):
    """The item that the client was told of has a transcription that failed, and no error is sent."""
    begun = await started(caller, servers)
    monkeypatch.setattr(replica.app.state.stages.asr, "websocket", _away)
    servers.heard.put_nowait({"type": "error", "code": "internal_error"})
    await told_by_session(caller)

    [failed] = caller.all(FAILED)
    assert (failed["item_id"], failed["error"]["code"]) == (begun["item_id"], "asr_unavailable")


@asynccontextmanager
async def _away(path: str):
    raise StageUnavailable("asr", "The asr stage is away.")
    yield
