"""Real servers on real ports of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from viva.service.websockets import WebSocketProtocol


@asynccontextmanager
async def listening(app: FastAPI, *, lifespan: str = "on") -> AsyncIterator[str]:
    """Serve an app until the block ends; gives its base URL. `lifespan` is "off" for an app that is open already."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, lifespan=lifespan, timeout_graceful_shutdown=1, ws=WebSocketProtocol)
        )
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running
