"""Runs a service: settings, logs, then uvicorn until SIGTERM or SIGINT."""

import asyncio
import contextlib
import gc
import math
import socket
from collections.abc import Callable

import structlog
import uvicorn
from fastapi import FastAPI

from viva.errors import VivaError
from viva.service.logging import configure_logging
from viva.service.settings import ServiceSettings, Settings, load_settings
from viva.service.websockets import WebSocketProtocol

GARBAGE_OBJECTS = 10_000  # so many new ones before the collector looks; Python's own 700 cost a turn 7 % of its CPU


def serve(service: str, create_app: Callable[[Settings], FastAPI], settings_class: type[Settings]) -> None:
    """Serves until told to stop; exits 2 when a setting is wrong, 3 when the service cannot start."""
    settings = load_settings(settings_class)
    configure_logging(service, settings)
    try:
        app = create_app(settings)
    except VivaError as error:
        structlog.get_logger().error("cannot start", code=error.code, reason=error.message)
        raise SystemExit(3) from None
    server = Server(server_config(app, settings), app.state.stopping)
    with contextlib.suppress(KeyboardInterrupt):  # raised once more after the server has stopped for it
        server.run()
    if not server.started:
        raise SystemExit(3)


def server_config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    """How every service is served."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_s),
        # Longer than a load balancer's idle time: it must not send a request on a connection that we just closed.
        timeout_keep_alive=settings.keep_alive_s,
        ws=WebSocketProtocol,
        ws_max_size=settings.ws_message_bytes,
        ws_ping_interval=settings.ws_ping_s,
        ws_ping_timeout=settings.ws_ping_s,
        # Speech does not get smaller by it, and it would cost every connection its buffers.
        ws_per_message_deflate=False,
    )


class Server(uvicorn.Server):
    """uvicorn's server, which keeps what is there at the start out of the garbage collector's way, and sets `stopping`
    as soon as it begins to stop.

    The app's lifespan learns of it only when the last response has ended: a stream that waits for news would use up
    the time that answers under way are given, and then be cut.
    """

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen."""
        await super().startup(sockets)
        # The libraries' hundred thousand objects are there for good. Looking through them held up every answer under
        # way for 50 ms, again and again. What turns make is mostly gone without the collector, which may look rarely.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no new connections, says that it stops, and waits for the responses."""
        self._stopping.set()
        await super().shutdown(sockets)
