"""What the tests of the asr service stand on: spoken sentences, the app in process, servers on loopback."""

import asyncio
import os
import shutil
import socket
import subprocess
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from viva.audio import wav_bytes
from viva_asr.app import create_app
from viva_asr.settings import AsrSettings

from .tiny_whisper import make_tiny_whisper

Speak = Callable[..., Path]
OpenApp = Callable[..., Awaitable[httpx.AsyncClient]]
Listen = Callable[[FastAPI], Awaitable[str]]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VIVA_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def speak(tmp_path_factory: pytest.TempPathFactory) -> Speak:
    """Renders sentences with flite to one WAV file (16 kHz, mono) with pauses of half a second between them."""
    flite = shutil.which("flite")
    assert flite, "flite is needed: apt-get install flite"
    folder = tmp_path_factory.mktemp("speech")
    rendered: dict[tuple[str, ...], Path] = {}

    def sentence(text: str) -> bytes:
        path = folder / "sentence.wav"
        subprocess.run([flite, "-voice", "rms", "-t", text, "-o", path], check=True)
        with wave.open(str(path)) as file:
            return file.readframes(file.getnframes())

    def render(*texts: str) -> Path:
        if texts not in rendered:
            rendered[texts] = folder / f"{len(rendered)}.wav"
            rendered[texts].write_bytes(wav_bytes(bytes(16_000).join(map(sentence, texts)), 16_000))
        return rendered[texts]

    return render


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an English-only Whisper model of random weights."""
    return make_tiny_whisper(tmp_path_factory.mktemp("models") / "whisper" / "tiny.en", ("en",))


@pytest.fixture(scope="session")
def tiny_multilingual_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Whisper model of random weights that has three languages."""
    return make_tiny_whisper(tmp_path_factory.mktemp("models") / "whisper" / "tiny", ("en", "de", "fr"))


@pytest.fixture
async def open_app() -> AsyncIterator[OpenApp]:
    """Starts the app in process with the settings given (engine `fake` by default) and gives a client of it."""
    async with AsyncExitStack() as stack:

        async def start(**settings: object) -> httpx.AsyncClient:
            app = create_app(AsrSettings(**{"engine": "fake", **settings}))
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            client = httpx.AsyncClient(transport=transport, base_url="http://asr", timeout=60)
            client.app = app
            return await stack.enter_async_context(client)

        yield start


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Serves an app on a real port and gives its base URL."""
    async with AsyncExitStack() as stack:

        async def start(app: FastAPI) -> str:
            return await stack.enter_async_context(_listening(app))

        yield start


@asynccontextmanager
async def _listening(app: FastAPI) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running
