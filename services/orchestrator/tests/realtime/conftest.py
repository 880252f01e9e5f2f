"""Fixtures: the app behind a real server with real WebSockets, and a client that speaks the protocol by hand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from viva.errors import NotFound
from viva.service.serve import Server, server_config
from viva_orchestrator.app import create_app
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.settings import Settings

from ..running_app import SEGMENTS

PATIENCE_S = 60.0
"""How long a test waits for what has to come; a busy machine may be slow."""

# Every event that clients know. Older ones of pipecat end at any other, and at one over a megabyte.
KNOWN = {
    "session.created",
    "session.updated",
    "error",
    *(f"input_audio_buffer.{end}" for end in ("speech_started", "speech_stopped", "committed", "cleared")),
    *(f"conversation.item.{end}" for end in ("added", "done", "deleted", "truncated", "retrieved")),
    *(f"conversation.item.input_audio_transcription.{end}" for end in ("delta", "completed", "failed")),
    *("response.created", "response.done"),
    *(f"response.{part}.{end}" for part in ("output_item", "content_part") for end in ("added", "done")),
    *(
        f"response.{kind}.{end}"
        for kind in ("output_audio", "output_audio_transcript", "output_text")
        for end in ("delta", "done")
    ),
}
LARGEST_EVENT = 2**20

# A second of something, as a microphone would send it.
NOISE = bytes(range(256)) * 188


@dataclass
class Caller:
    """One client: sends events, and collects what comes."""

    socket: ClientConnection
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, kind: str, **fields: Any) -> None:
        """Sends one event."""
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def next(self) -> dict[str, Any]:
        """The next event, which is one that every client can take."""
        async with asyncio.timeout(PATIENCE_S):
            message = await self.socket.recv()
        event = json.loads(message)
        self.seen.append(event)
        assert event["type"] in KNOWN
        assert isinstance(event["event_id"], str)
        assert len(message) < LARGEST_EVENT
        return event

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of a type; those before it are in `seen`."""
        while (event := await self.next())["type"] != kind:
            pass
        return event

    async def closed(self) -> int:
        """The code with which the server closes."""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(Exception):
                while True:
                    await self.next()
            await self.socket.wait_closed()
        return self.socket.close_code

    async def says(self, text: str, **item: Any) -> None:
        """Adds what a person typed to the conversation."""
        content = [{"type": "input_text", "text": text}]
        await self.send(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content, **item}
        )

    async def asks(self, text: str = "who made the first circuit", **response: Any) -> dict[str, Any]:
        """Types a question and waits for the response to end; returns it."""
        await self.says(text)
        await self.send("response.create", response=response)
        return (await self.until("response.done"))["response"]

    async def speaks(self, audio: bytes = NOISE) -> None:
        """Sends audio as a microphone would."""
        for start in range(0, len(audio), 4800):
            data = base64.b64encode(audio[start : start + 4800]).decode()
            await self.send("input_audio_buffer.append", audio=data)

    async def by_hand(self) -> None:
        """Switches to push-to-talk."""
        await self.send("session.update", session={"audio": {"input": {"turn_detection": None}}})
        await self.until("session.updated")

    def types(self) -> list[str]:
        """The types of what came, repeated ones once."""
        kinds: list[str] = []
        for event in self.seen:
            if not kinds or kinds[-1] != event["type"]:
                kinds.append(event["type"])
        return kinds

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All events of a type that came."""
        return [event for event in self.seen if event["type"] == kind]


@dataclass
class Running:
    """A replica: its app, its server, and how to call it."""

    app: FastAPI
    server: Server
    url: str
    callers: AsyncExitStack

    async def call(self, path: str = "/v1/realtime?lecture_id=lec_1", **options: Any) -> Caller:
        """A client whose session has been created."""
        caller = Caller(await self.callers.enter_async_context(connect(self.url + path, **options)))
        assert (await caller.next())["type"] == "session.created"
        return caller


@asynccontextmanager
async def run_replica(settings: Settings) -> AsyncIterator[Running]:
    """The app behind its server, on a free port, until it has drained."""
    app = create_app(settings)
    server = Server(server_config(app, settings), app.state.stopping)
    serving = asyncio.create_task(server._serve())
    async with asyncio.timeout(PATIENCE_S):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    app.state.lectures.transcript = _transcript
    port = server.servers[0].sockets[0].getsockname()[1]
    async with AsyncExitStack() as callers:
        yield Running(app, server, f"ws://127.0.0.1:{port}", callers)
    server.should_exit = True
    async with asyncio.timeout(PATIENCE_S):
        await serving


async def _transcript(lecture_id: str) -> Transcript:
    if lecture_id != "lec_1":
        raise NotFound("There is no such lecture.")
    return Transcript("lec_1", None, "ready", 12.0, 12.0, SEGMENTS)


@pytest.fixture(autouse=True)
def _collector_as_it_was() -> Iterator[None]:
    """A server sets the garbage collector of its process, which here is the tests'."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.fixture
async def start(servers, redis_url, tmp_path) -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """Starts a replica with some settings; all of a test share one Redis."""
    urls = {f"{stage}_url": servers.url for stage in ("asr", "llm", "tts")}
    fixed = urls | {
        "redis_url": redis_url,
        "object_store_url": str(tmp_path),
        "transcribe_workers": 0,
        "port": 0,
    }
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Running:
            # port 0 is no setting, but what a test wants
            chosen = Settings(**(fixed | {"port": 1} | settings)).model_copy(update={"port": 0})
            return await stack.enter_async_context(run_replica(chosen))

        yield start


@pytest.fixture
async def replica(start) -> Running:
    """A replica."""
    return await start()


@pytest.fixture
async def caller(replica: Running) -> Caller:
    """A client of it, about a lecture."""
    return await replica.call()
