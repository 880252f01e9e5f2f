"""People who ask, in every way that counts: by each transport, shed, degraded, interrupted, failed."""

import asyncio
import base64
import json
import os
import signal
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import httpx

from viva.audio import Encoder
from viva.client import VivaClient
from viva.errors import VivaError
from viva.samples import cached
from viva.stack.stack import Stack

from .api import wait_for
from .watched import Watched

QUESTION = "Who made the first integrated circuit?"
LECTURE = "The first integrated circuit was made by Jack Kilby. It was made of germanium. It had five parts on it."
RATE_HZ = 24_000
FRAME = 4_800  # 100 ms


def make_traffic(watched: Watched) -> None:
    """Everything twice, with a scrape between: what has been counted once has no rate yet."""
    samples = watched.folder / "samples"
    samples.mkdir()
    recording, _ = cached(LECTURE, samples)
    spoken, _ = cached(QUESTION, samples)
    for title in ("Kilby", "Kilby again"):
        with VivaClient(watched.url) as client:
            lecture = client.upload(recording, title=title).lecture_id
            list(client.follow(lecture))
            session = client.open_session(lecture)
            list(client.ask(session, lecture, QUESTION))
            list(client.ask(session, lecture, spoken))
        _by_server_sent_events(watched.url, lecture)
        asyncio.run(_by_realtime(watched.url, lecture, spoken))
        _in_trouble(watched, lecture)
        _without_redis(watched.stack, watched.url, lecture)
        watched.prometheus.wait_for_scrape()


def _by_server_sent_events(url: str, lecture: str) -> None:
    question = {"lecture_id": lecture, "question": QUESTION}
    reply = httpx.post(f"{url}/chat", json=question, timeout=60, trust_env=False)
    assert "event: done" in reply.text, reply.text


async def _by_realtime(url: str, lecture: str, spoken: Path) -> None:
    """A spoken question, answered; and one whose answer is cut short."""
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{url}/v1/realtime?lecture_id={lecture}")
        await _until(socket, "session.created")
        speaking = asyncio.create_task(_speak(socket, _pcm(spoken)))
        await _until(socket, "response.done")
        speaking.cancel()
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]}
        await socket.send_json({"type": "conversation.item.create", "item": item})
        await socket.send_json({"type": "response.create"})
        await _until(socket, "response.output_audio.delta")
        await socket.send_json({"type": "response.cancel"})
        await _until(socket, "response.done")
        await socket.close()


async def _speak(socket: aiohttp.ClientWebSocketResponse, pcm: bytes) -> None:
    """The question and then silence, as a microphone gives it."""
    at = 0
    while True:
        frame = pcm[at : at + FRAME].ljust(FRAME, b"\0")
        audio = base64.b64encode(frame).decode()
        await socket.send_str(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        at += FRAME
        await asyncio.sleep(0.1)


async def _until(socket: aiohttp.ClientWebSocketResponse, kind: str) -> None:
    async with asyncio.timeout(60):
        while True:
            event = await socket.receive_json()
            assert event["type"] != "error", event
            if event["type"] == kind:
                return


def _pcm(recording: Path) -> bytes:
    with wave.open(str(recording)) as file:
        encoder = Encoder("pcm", file.getframerate(), RATE_HZ)
        return encoder.feed(file.readframes(file.getnframes())) + encoder.flush()


def _in_trouble(watched: Watched, lecture: str) -> None:
    """Six at once where there is one place: degraded, or refused."""
    with VivaClient(watched.troubled_url) as client, ThreadPoolExecutor(6) as people:
        list(people.map(lambda _: _ask(client, lecture), range(6)))


def _ask(client: VivaClient, lecture: str) -> str:
    """`done`, or the code of the error."""
    try:
        *_, last = client.ask(None, lecture, QUESTION)
    except VivaError as error:
        return error.code
    return getattr(last, "code", "done")


def _without_redis(stack: Stack, url: str, lecture: str) -> None:
    """Redis is gone for a few questions."""
    redis = stack["redis"]
    os.kill(redis.pid, signal.SIGKILL)
    assert redis.wait(30)
    with VivaClient(url) as client:
        _ask(client, lecture)
    stack.restart(redis)
    wait_for("Redis again", redis.check_ready)
