"""WebSockets: how the server ends them, and how an app may."""

import asyncio
import contextlib
import gc

import pytest
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from viva.service.app import service_app
from viva.service.metrics import ServiceMetrics
from viva.service.serve import Server, server_config
from viva.service.settings import ServiceSettings
from viva.service.websockets import EXTENSION, UNREAD_BYTES

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def _collector_as_it_was():
    """A server sets the garbage collector of its process, which here is the tests'."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@contextlib.asynccontextmanager
async def nothing(_app):
    yield


async def always_ready(_app):
    return None


@pytest.fixture
async def app():
    """An app whose WebSockets say back what they are told; `told` is set when the server says that it stops, and
    `protocol` is that of the newest connection."""
    app = service_app("t", "d", metrics=ServiceMetrics(), lifespan=nothing, ready=always_ready)
    app.state.told = asyncio.Event()

    async def echo(websocket: WebSocket) -> None:
        protocol = websocket.scope["extensions"][EXTENSION]
        app.state.protocol = protocol
        if websocket.url.path == "/told":
            protocol.on_shutdown = app.state.told.set
        await websocket.accept()
        async for text in websocket.iter_text():
            if text == "drop":
                protocol.drop()
            else:
                await websocket.send_text(text)

    for path in ("/told", "/untold"):
        app.router.add_websocket_route(path, echo)
    return app


@pytest.fixture
async def server(app):
    """It runs; its URL is in `url`."""
    settings = ServiceSettings(port=1, ws_message_bytes=4096, drain_s=PATIENCE_S).model_copy(update={"port": 0})
    server = Server(server_config(app, settings), app.state.stopping)
    serving = asyncio.create_task(server._serve())
    async with asyncio.timeout(PATIENCE_S):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    server.url = f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield server
    server.should_exit = True
    async with asyncio.timeout(PATIENCE_S):
        await serving


async def test_an_app_that_asked_to_be_told_ends_its_connections_itself(server, app):
    """It is told that the server stops, and may go on talking."""
    async with connect(f"{server.url}/told") as socket:
        server.should_exit = True
        async with asyncio.timeout(PATIENCE_S):
            await app.state.told.wait()
            await socket.send("still there")
            assert await socket.recv() == "still there"


async def test_others_are_closed_as_soon_as_the_server_stops(server):
    """With 1012: connect again, elsewhere."""
    async with connect(f"{server.url}/untold") as socket:
        server.should_exit = True
        async with asyncio.timeout(PATIENCE_S):
            await socket.wait_closed()
    assert socket.close_code == 1012


async def test_a_message_that_is_too_large_closes_with_1009(server):
    """The reason arrives although the rest of the message was still on its way."""
    async with connect(f"{server.url}/told") as socket:
        with contextlib.suppress(Exception):
            await socket.send("x" * 8_000_000)
        async with asyncio.timeout(PATIENCE_S):
            await socket.wait_closed()
    assert socket.close_code == 1009


async def test_a_connection_can_be_dropped(server):
    """At once, without a close frame."""
    async with connect(f"{server.url}/told") as socket:
        await socket.send("drop")
        async with asyncio.timeout(PATIENCE_S):
            await socket.wait_closed()
    assert socket.close_code == 1006


@pytest.mark.parametrize("piece", ["", "x"])
async def test_a_message_in_many_pieces_is_kept_as_one(server, app, piece):
    """Neither empty pieces without end nor little ones make a list that grows, and the message arrives whole."""
    async with connect(f"{server.url}/told") as socket:
        client = socket.protocol
        client.send_text(b"begun", fin=False)
        for _ in range(4000):
            client.send_continuation(piece.encode(), fin=False)
        socket.transport.write(b"".join(client.data_to_send()))
        async with asyncio.timeout(PATIENCE_S):
            await (await socket.ping())  # answered: what came before it was taken
            assert len(app.state.protocol.frames) == 1
            client.send_continuation(b" and ended", fin=True)
            socket.transport.write(b"".join(client.data_to_send()))
            assert await socket.recv() == f"begun{piece * 4000} and ended"


async def test_pings_of_a_peer_that_reads_nothing_do_not_pile_up(server, app, monkeypatch):
    """It is dropped once what waits for it is over the bound; little that waits is no reason."""
    async with connect(f"{server.url}/told") as socket:
        await socket.send("begun")
        assert await socket.recv() == "begun"
        transport = Unread(app.state.protocol.transport)
        monkeypatch.setattr(app.state.protocol, "transport", transport)
        async with asyncio.timeout(PATIENCE_S):
            await (await socket.ping())
            transport.unread = UNREAD_BYTES + 1
            await socket.ping()
            await socket.wait_closed()
    assert socket.close_code == 1006


class Unread:
    """A transport with as much left to send as is said."""

    def __init__(self, transport):
        self._transport = transport
        self.unread = UNREAD_BYTES

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def get_write_buffer_size(self):
        return self.unread
