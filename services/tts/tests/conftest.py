"""What the tests of the tts service stand on: the service on a real port, a led engine, tiny Piper voices."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

import viva_tts.app
from viva_tts.app import create_app
from viva_tts.settings import TTSSettings

from .led_engine import LedEngine
from .tiny_piper import make_tiny_piper


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VIVA_")]:
        monkeypatch.delenv(name)


@asynccontextmanager
async def _listening(app: FastAPI) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, lifespan="on")
    config.load()
    server = uvicorn.Server(config)
    # What Server.serve does, without its signal handlers and its clock, which would cost each test 0.2 s.
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await server.shutdown(sockets=[listener])


@pytest.fixture
async def listen() -> AsyncIterator[Callable[[FastAPI], Awaitable[str]]]:
    """Serves an app on loopback and gives its URL."""
    async with AsyncExitStack() as stack:

        async def start(app: FastAPI) -> str:
            return await stack.enter_async_context(_listening(app))

        yield start


@pytest.fixture
async def serve(listen) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """Starts the service with the settings given (the fake engine at once, unless they say otherwise)."""
    async with AsyncExitStack() as stack:

        async def start(**settings: object) -> httpx.AsyncClient:
            chosen = {"engine": "fake", "fake_first_byte_ms": 0, "fake_speed": 0, **settings}
            url = await listen(create_app(TTSSettings(**chosen)))
            # No TLS here; reading the certificates would take longer than most tests.
            return await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30, verify=False))

        yield start


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> LedEngine:
    """An engine that the test leads; services that start after this fixture speak with it."""
    engine = LedEngine()
    monkeypatch.setattr(viva_tts.app, "make_engine", lambda _name, _settings, _bridge: engine)
    return engine


@pytest.fixture(scope="session")
def tiny_piper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .onnx of a Piper voice that hums."""
    return make_tiny_piper(tmp_path_factory.mktemp("models") / "piper" / "en_US-hum-tiny.onnx")


@pytest.fixture(scope="session")
def tiny_piper_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .onnx of a Piper voice with two speakers."""
    path = tmp_path_factory.mktemp("models") / "piper" / "en_US-duo-tiny.onnx"
    return make_tiny_piper(path, speakers=("low", "high"))
