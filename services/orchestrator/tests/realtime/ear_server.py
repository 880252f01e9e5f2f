"""An asr stage that listens: it notes what it is sent, says what the test tells it to, and dies on command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web


@dataclass
class Stream:
    """One connection: its first frame, and what followed, audio as its number of bytes so far."""

    socket: web.WebSocketResponse
    request: web.Request
    start: dict = field(default_factory=dict)
    audio: bytearray = field(default_factory=bytearray)
    controls: list[tuple[int, dict]] = field(default_factory=list)
    closed: bool = False

    async def say(self, kind: str, **fields: object) -> None:
        """Send one message."""
        await self.socket.send_json({"type": kind, **fields})

    def die(self) -> None:
        """Break off without a goodbye."""
        self.request.transport.abort()


@dataclass
class EarServer:
    """What it does with the next streams, and the streams so far."""

    url: str = ""
    refuse: int | None = None
    greeting: dict | None = None  # said, before the stream is closed, to whoever comes
    streams: list[Stream] = field(default_factory=list)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        if self.refuse is not None:
            return web.Response(status=self.refuse)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        stream = Stream(socket, request)
        if self.greeting is not None:
            await socket.send_json(self.greeting)
            await socket.close(code=1013)
            return socket
        stream.start = await socket.receive_json()
        self.streams.append(stream)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                stream.audio += message.data
            else:
                stream.controls.append((len(stream.audio), message.json()))
        stream.closed = True
        return socket

    async def stream(self, number: int = 0) -> Stream:
        """The stream with this number, as soon as it has begun."""
        await until(lambda: len(self.streams) > number)
        return self.streams[number]


async def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true; how long it takes does not matter."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for happens on the other side of a socket
            await asyncio.sleep(0.005)


@asynccontextmanager
async def ear_server() -> AsyncIterator[EarServer]:
    """The server on a free port of loopback."""
    server = EarServer()
    app = web.Application()
    app.router.add_get("/v1/audio/stream", server.listen)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield server
    await runner.cleanup()
