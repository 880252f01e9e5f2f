"""What the tests of the llm service stand on: the service on a real port, and model servers."""

import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from viva_llm.app import create_app
from viva_llm.settings import LLMSettings

from .model_server import ModelServer


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VIVA_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def model_server() -> AsyncIterator[ModelServer]:
    """A model server that fails until it is told what to do."""
    server = ModelServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def routes_file(tmp_path) -> Callable[..., Path]:
    """Writes a routes file: backends by name with their URLs, aliases with their routes. Gives its path."""

    def write(backends: dict[str, object], **aliases: list[dict]) -> Path:
        path = tmp_path / "routes.yaml"
        path.write_text(json.dumps({"backends": backends, "aliases": aliases}))  # JSON is YAML
        return path

    return write


@pytest.fixture
async def second_server() -> AsyncIterator[ModelServer]:
    """Another one."""
    server = ModelServer()
    await server.start()
    yield server
    await server.stop()


@asynccontextmanager
async def _served(settings: LLMSettings) -> AsyncIterator[httpx.AsyncClient]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(settings), log_config=None, timeout_graceful_shutdown=1, lifespan="on")
    config.load()
    server = uvicorn.Server(config)
    # What Server.serve does, without its signal handlers and its clock, which would cost each test 0.2 s.
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # No TLS here; reading the certificates would take longer than most tests.
        async with httpx.AsyncClient(base_url=url, timeout=30, verify=False) as client:
            yield client
    finally:
        await server.shutdown(sockets=[listener])


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """Starts the service with the settings given and gives a client of it."""
    async with AsyncExitStack() as stack:

        async def start(**settings: object) -> httpx.AsyncClient:
            return await stack.enter_async_context(_served(LLMSettings(**settings)))

        yield start
