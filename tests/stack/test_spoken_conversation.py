"""A question that is spoken into the Realtime WebSocket of the real services: turn, words, answer."""

import asyncio
import base64
import json
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from viva.audio.encode import Encoder

PATIENCE_S = 90.0
RATE_HZ = 24_000
FRAME = 4_800  # 100 ms
PACE_S = 0.2  # between frames: half the speed of speech, so that a slow machine gets to the words in between


def samples(recording: Path) -> bytes:
    """The recording at the rate of the protocol."""
    with wave.open(str(recording)) as file:
        encoder = Encoder("pcm", file.getframerate(), RATE_HZ)
        return encoder.feed(file.readframes(file.getnframes())) + encoder.flush()


@dataclass
class Speaker:
    """A client with a microphone, and everything that it was told."""

    socket: aiohttp.ClientWebSocketResponse
    events: list[dict] = field(default_factory=list)

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def speak(self, pcm: bytes) -> None:
        """Say so much, frame by frame."""
        for at in range(0, len(pcm), FRAME):
            await self.send("input_audio_buffer.append", audio=base64.b64encode(pcm[at : at + FRAME]).decode())
            await asyncio.sleep(PACE_S)

    async def be_silent(self) -> None:
        """Keep the microphone open."""
        while True:
            await self.speak(bytes(FRAME))

    async def until(self, kind: str) -> dict:
        """Wait for an event."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.socket.receive_json()
                self.events.append(event)
                assert event["type"] != "error", event
                if event["type"] == kind:
                    return event

    def first(self, kind: str) -> int:
        """Where among the events the first of this type is."""
        return next(at for at, event in enumerate(self.events) if event["type"] == kind)

    def all(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["type"] == kind]


@pytest.fixture
async def connect(url: str, lecture) -> AsyncIterator[Callable]:
    """Opens a conversation about the lecture, with the turn detection given."""
    async with aiohttp.ClientSession() as session:

        async def opened(detection: dict | None) -> Speaker:
            speaker = Speaker(await session.ws_connect(f"{url}/v1/realtime?lecture_id={lecture.lecture_id}"))
            await speaker.until("session.created")
            await speaker.send("session.update", session={"audio": {"input": {"turn_detection": detection}}})
            await speaker.until("session.updated")
            speaker.events.clear()
            return speaker

        yield opened


@pytest.mark.parametrize("detection", ["server_vad", "semantic_vad"])
async def test_a_question_is_heard_while_it_is_spoken(connect, spoken, detection: str) -> None:
    """The turn is found, its words come while it is spoken, and the answer follows without being asked for."""
    speaker: Speaker = await connect({"type": detection})
    silence = None
    try:
        listening = asyncio.create_task(speaker.until("response.done"))
        await speaker.speak(bytes(FRAME * 5) + samples(spoken.question))
        silence = asyncio.create_task(speaker.be_silent())
        response = (await listening)["response"]
    finally:
        if silence is not None:
            silence.cancel()
    order = [
        "input_audio_buffer.speech_started",
        "conversation.item.input_audio_transcription.delta",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.input_audio_transcription.completed",
        "response.output_audio_transcript.delta",
        "response.done",
    ]
    found = [speaker.first(kind) for kind in order]
    assert found == sorted(found), [event["type"] for event in speaker.events]
    assert len({speaker.events[at]["item_id"] for at in found[:5]}) == 1
    started, stopped = (speaker.events[found[at]] for at in (0, 2))
    assert 0 <= started["audio_start_ms"] < stopped["audio_end_ms"]
    words = "".join(event["delta"] for event in speaker.all(order[1])).split()
    heard = speaker.events[found[4]]["transcript"]
    assert "first integrated circuit" in heard.lower()
    assert 1 <= len(words) <= len(heard.split()) + 2
    assert response["status"] == "completed"
    assert "kilby" in response["output"][0]["content"][0]["transcript"].lower()
    audio = b"".join(base64.b64decode(event["delta"]) for event in speaker.all("response.output_audio.delta"))
    assert len(audio) > RATE_HZ


async def test_push_to_talk_has_words_too(connect, spoken) -> None:
    """Without turn detection the words come all the same, and nothing is answered before it is asked for."""
    speaker: Speaker = await connect(None)
    await speaker.speak(samples(spoken.question))
    silence = asyncio.create_task(speaker.be_silent())
    try:
        await speaker.until("conversation.item.input_audio_transcription.delta")
    finally:
        silence.cancel()
    await speaker.send("input_audio_buffer.commit")
    await speaker.send("response.create")
    response = (await speaker.until("response.done"))["response"]
    assert response["status"] == "completed"
    assert "kilby" in response["output"][0]["content"][0]["transcript"].lower()
    assert speaker.all("input_audio_buffer.speech_started") == []
    deltas = speaker.all("conversation.item.input_audio_transcription.delta")
    (completed,) = speaker.all("conversation.item.input_audio_transcription.completed")
    assert {delta["item_id"] for delta in deltas} == {completed["item_id"]}
