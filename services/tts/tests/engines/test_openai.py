"""openai: what is sent to the server, and what becomes of its answers. Speaking is in the contract."""

from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from viva.errors import EngineUnavailable, Overloaded, StageUnavailable
from viva_tts.bridge import Bridge
from viva_tts.engines.openai import OpenAIEngine
from viva_tts.settings import TTSSettings


class SpeechServer:
    """A server that answers as it is told and remembers what it was sent."""

    def __init__(self) -> None:
        self.voices: Response = Response(status_code=404)
        self.answer: Response = Response(b"\1\0" * 100, media_type="audio/pcm")
        self.bodies: list[dict] = []
        self.keys: list[str | None] = []
        self.app = FastAPI()
        self.app.add_api_route("/v1/audio/voices", self._voices)
        self.app.add_api_route("/v1/audio/speech", self._speech, methods=["POST"])

    async def _voices(self) -> Response:
        return self.voices

    async def _speech(self, request: Request) -> Response:
        self.bodies.append(await request.json())
        self.keys.append(request.headers.get("authorization"))
        return self.answer


@pytest.fixture
def server() -> SpeechServer:
    """A server that lists no voices and answers with PCM."""
    return SpeechServer()


@pytest.fixture
def opened(listen, server):
    """Opens the engine on the server."""

    @asynccontextmanager
    async def opener(path: str = "/v1", **settings):
        url = await listen(server.app)
        engine = OpenAIEngine(TTSSettings(openai_url=url + path, **settings), Bridge(1))
        await engine.start()
        try:
            yield engine
        finally:
            await engine.close()

    return opener


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_it_asks_for_pcm(opened, server, path):
    """The request is OpenAI's, with the model, the key and the speed; the base URL may end in /v1 or not."""
    async with opened(path, openai_model="kokoro", openai_api_key="secret") as engine:
        data = b"".join([piece.data async for piece in engine.synthesize("Hello.", "nova", 1.5)])
    assert data == b"\1\0" * 100
    body = {"model": "kokoro", "input": "Hello.", "voice": "nova", "response_format": "pcm", "speed": 1.5}
    assert (server.bodies, server.keys) == ([body], ["Bearer secret"])


@pytest.mark.parametrize(
    ("listed", "ids"),
    [
        ({"voices": ["af_bella", "am_adam"]}, ["af_bella", "am_adam"]),
        (
            {"voices": [{"id": "a", "gender": "male"}, {"name": "b"}, {"voice_id": "c"}, 5, {}]},
            ["a", "b", "c"],
        ),
        ({"data": [{"id": "x"}]}, ["x"]),
        (["one"], ["one"]),
    ],
)
async def test_the_servers_voices_are_ours(opened, server, listed, ids):
    """The shapes in which servers list their voices are understood."""
    server.voices = JSONResponse(listed)
    async with opened() as engine:
        assert [voice.id for voice in engine.voices] == ids
        assert engine.default_voice == ids[0]


@pytest.mark.parametrize("listed", [{"voices": []}, {}, 5, {"voices": "x"}])
async def test_openais_voices_where_none_are_listed(opened, server, listed):
    """A server that lists nothing useful gets OpenAI's names."""
    server.voices = JSONResponse(listed)
    async with opened() as engine:
        assert {"alloy", "marin"} <= {voice.id for voice in engine.voices}


async def test_a_voice_of_the_settings_is_added(opened):
    """A voice that the server does not list but the settings name is the default."""
    async with opened(voice="my-clone") as engine:
        assert engine.default_voice == engine.voices[0].id == "my-clone"


async def test_a_server_that_is_down_fails_requests_and_not_the_start():
    """It may come up later; until then each request is told."""
    engine = OpenAIEngine(TTSSettings(openai_url="http://127.0.0.1:9"), Bridge(1))
    await engine.start()
    with pytest.raises(StageUnavailable, match="cannot be reached"):
        await anext(engine.synthesize("Hello.", "alloy", 1.0))
    await engine.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(status_code=429, headers={"Retry-After": "9"}), Overloaded),
        (Response(status_code=500), StageUnavailable),
        (Response(status_code=401), StageUnavailable),
        (Response(b"ID3", media_type="audio/mpeg"), StageUnavailable),
        (JSONResponse({"audio": "AAAA"}), StageUnavailable),
    ],
)
async def test_failures_are_mapped(opened, server, answer, error):
    """Refusals are told apart, and audio that is not PCM is never played as noise."""
    server.answer = answer
    async with opened() as engine:
        with pytest.raises(error):
            await anext(engine.synthesize("Hello.", "alloy", 1.0))


def test_no_url_stops_the_start():
    """Without a URL the sentence names the variable."""
    with pytest.raises(EngineUnavailable, match="VIVA_TTS_OPENAI_URL"):
        OpenAIEngine(TTSSettings(), Bridge(1))
