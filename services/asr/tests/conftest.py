"""What the tests of the asr service stand on: spoken sentences, tiny models, the app in process."""

import os
import shutil
import subprocess
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from viva.audio import wav_bytes
from viva_asr.app import create_app
from viva_asr.settings import AsrSettings

from .tiny_whisper import make_tiny_whisper

Speak = Callable[..., Path]
OpenApp = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("VIVA_")]:
            patch.delenv(name)
        yield


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
