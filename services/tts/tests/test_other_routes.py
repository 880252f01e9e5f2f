"""POST /synthesize, the voices, the status, the metrics and the documents."""

import pytest

from .sound import hear, hear_pcm

TEXT = "Technical debt is the implied cost of rework."


async def test_synthesize_gives_pcm_at_22050_hz(serve):
    """The samples are 22.05 kHz s16le mono, which the headers say."""
    client = await serve(engine="flite")
    response = await client.post("/synthesize", json={"text": TEXT, "voice": "rms"})
    assert response.headers["content-type"] == "audio/pcm"
    said = {name: response.headers[name] for name in ("x-sample-rate", "x-channels", "x-sample-format", "x-viva-voice")}
    assert said == {
        "x-sample-rate": "22050",
        "x-channels": "1",
        "x-sample-format": "s16le",
        "x-viva-voice": "rms",
    }
    assert response.headers["transfer-encoding"] == "chunked"
    sound = hear_pcm(response.content, 22_050)
    assert 2 < sound.duration_s < 4.5
    assert sound.rms > 0.02
    quick = await client.post("/synthesize", json={"text": TEXT, "voice": "rms", "speed": 2})
    assert len(quick.content) == pytest.approx(len(response.content) / 2, rel=0.1)


async def test_synthesize_gives_opus(serve):
    """With format opus it is an Ogg file."""
    client = await serve(engine="flite")
    response = await client.post("/synthesize", json={"text": TEXT, "format": "opus"})
    assert response.headers["content-type"] == "audio/ogg"
    assert response.content.startswith(b"OggS")
    assert 2 < hear(response.content).duration_s < 4.5


@pytest.mark.parametrize(("fields", "param"), [({"text": "x", "format": "mp3"}, "format"), ({}, "text")])
async def test_synthesize_refuses_what_it_cannot_do(serve, fields, param):
    """A format that it has not, or no text, is a 400 that names the field."""
    response = await (await serve()).post("/synthesize", json=fields)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_voices_are_listed_with_their_aliases(serve):
    """Every listed voice has an id, and each of OpenAI's names is spoken by one of them."""
    listed = (await (await serve(engine="flite")).get("/v1/audio/voices")).json()
    ids = {voice["id"] for voice in listed["voices"]}
    assert {"slt", "rms"} <= ids
    assert "awb_time" not in ids
    assert listed["default"] == "slt"
    assert set(listed["aliases"].values()) <= ids
    assert listed["aliases"]["nova"] == "slt"
    assert listed["aliases"]["onyx"] != "slt"


async def test_status_says_what_speaks_and_why(serve):
    """/status names the engine, the reason, the voice and the load; the fake engine says that it is no speech."""
    status = (await (await serve(max_active=3, workers=2)).get("/status")).json()
    assert (status["engine"], status["why"]) == ("fake", "VIVA_TTS_ENGINE is fake")
    assert "no speech" in status["model"]
    assert status["load"] == {"active": 0, "max_active": 3, "workers": 2}


async def test_metrics_count_speech(serve):
    """Requests, first bytes, seconds of audio and the active requests are counted."""
    client = await serve()
    await client.post("/v1/audio/speech", json={"input": "a" * 30})
    page = (await client.get("/metrics")).text
    assert 'viva_tts_speeches_total{engine="fake",format="mp3",outcome="ok"} 1.0' in page
    assert 'viva_tts_audio_seconds_total{engine="fake"} 2.0' in page
    assert 'viva_tts_first_byte_seconds_count{engine="fake"} 1.0' in page
    assert "viva_tts_active 0.0" in page


async def test_it_is_alive_and_ready(serve):
    """The health routes answer."""
    client = await serve()
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_the_document_describes_the_bodies(serve):
    """OpenAPI has the request bodies, although they are read by hand."""
    paths = (await (await serve()).get("/openapi.json")).json()["paths"]
    schema = paths["/v1/audio/speech"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == {
        "input",
        "model",
        "voice",
        "response_format",
        "speed",
        "stream_format",
    }
