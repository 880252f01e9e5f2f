"""Serving: how a server stops."""

import asyncio
import gc
import logging
import socket
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.responses import StreamingResponse

from viva.service import serve as serving_module
from viva.service.app import service_app
from viva.service.metrics import ServiceMetrics
from viva.service.serve import Server, serve
from viva.service.settings import ServiceSettings


class PortSettings(ServiceSettings):
    port: int = 0


@asynccontextmanager
async def nothing(_app):
    yield


async def always_ready(_app):
    return None


def streaming_app():
    """An app with a stream that waits for news that never come, and one that has work to end."""
    app = service_app("t", "d", metrics=ServiceMetrics(), lifespan=nothing, ready=always_ready)
    app.state.work_may_end = asyncio.Event()

    @app.get("/idle")
    async def idle():
        async def body():
            yield b"begun,"
            await app.state.stopping.wait()
            yield b"ended"

        return StreamingResponse(body())

    @app.get("/busy")
    async def busy():
        async def body():
            yield b"begun,"
            await app.state.work_may_end.wait()
            yield b"ended"

        return StreamingResponse(body())

    return app


@pytest.fixture(autouse=True)
def _collector_as_it_was():
    """A server sets the garbage collector of its process, which here is the tests'."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


async def test_idle_streams_end_when_the_server_begins_to_stop_and_work_still_drains(caplog):
    """The idle one ends first, while the busy one is still waited for; both are whole and nothing is logged as cut."""
    app = streaming_app()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=60)
        server = Server(config, app.state.stopping)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client, asyncio.timeout(60):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            async with client.stream("GET", "/idle") as idle, client.stream("GET", "/busy") as busy:
                with caplog.at_level(logging.ERROR):
                    server.should_exit = True
                    assert await idle.aread() == b"begun,ended"
                    assert not serving.done()
                    app.state.work_may_end.set()
                    assert await busy.aread() == b"begun,ended"
                    await serving
    assert caplog.records == []


def test_idle_connections_are_kept_as_long_as_the_setting_says(monkeypatch):
    """A load balancer that waits longer than we do sends requests on connections that are closed."""
    configs = []

    class Stopped(Server):
        def run(self, sockets=None):
            configs.append(self.config)
            self.started = True

    monkeypatch.setattr(serving_module, "Server", Stopped)
    monkeypatch.setattr(serving_module, "configure_logging", lambda *_: None)
    monkeypatch.setenv("VIVA_KEEP_ALIVE_S", "330")
    serve("test", lambda _settings: streaming_app(), PortSettings)
    assert [config.timeout_keep_alive for config in configs] == [330]


async def test_what_is_there_at_the_start_is_not_looked_through_again():
    """Once a server listens, the garbage collector leaves the objects that were there before alone."""
    gc.unfreeze()
    before, threshold = len(gc.get_objects()), gc.get_threshold()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = streaming_app()
        server = Server(uvicorn.Config(app, log_config=None), app.state.stopping)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(60):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            assert gc.get_freeze_count() > before / 2
            assert gc.get_threshold()[0] > threshold[0]
            server.should_exit = True
            await serving
