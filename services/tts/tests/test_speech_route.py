"""POST /v1/audio/speech, as an OpenAI client uses it, with flite's real voices."""

import base64

import openai
import orjson
import pytest

from viva.sse import SSEParser

from .sound import hear, hear_pcm

TEXT = "Technical debt is the implied cost of rework."
FORMATS = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


async def speech(client, text=TEXT, **fields):
    """The answer to a request for speech."""
    return await client.post("/v1/audio/speech", json={"model": "tts-1", "input": text, "voice": "alloy", **fields})


def heard(response, audio_format):
    """The sound of a response."""
    return hear_pcm(response.content, 24_000) if audio_format == "pcm" else hear(response.content)


@pytest.mark.parametrize(("audio_format", "content_type"), FORMATS.items())
async def test_every_format_can_be_heard(serve, audio_format, content_type):
    """Each format has its content type, decodes at 24 kHz (Opus at 48), and holds the same words."""
    client = await serve(engine="flite")
    response = await speech(client, response_format=audio_format)
    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert response.headers["x-viva-engine"] == "flite"
    sound = heard(response, audio_format)
    assert sound.rate_hz == (48_000 if audio_format == "opus" else 24_000)
    assert 2 < sound.duration_s < 4.5
    assert sound.rms > 0.02


async def test_mp3_is_the_default_and_speed_halves_it(serve):
    """Without a format it is mp3; at speed 2 it lasts half as long."""
    client = await serve(engine="flite")
    plain, quick = [await client.post("/v1/audio/speech", json={"input": TEXT, "speed": speed}) for speed in (1, 2)]
    assert plain.headers["content-type"] == "audio/mpeg"
    assert hear(quick.content).duration_s == pytest.approx(hear(plain.content).duration_s / 2, rel=0.1)


async def test_sentences_of_several_answers_join(serve):
    """The mp3s of three requests, laid end to end, decode to the sum of their lengths."""
    client = await serve(engine="flite")
    answers = [(await speech(client, text)).content for text in ("One sentence.", "Another one.", "And a third.")]
    apart = sum(hear(answer).duration_s for answer in answers)
    assert hear(b"".join(answers)).duration_s == pytest.approx(apart, abs=0.1)


async def test_markup_is_not_read(serve):
    """Markdown, links, citation marks and timestamps add nothing to what is heard."""
    client = await serve(engine="flite")
    plain = await speech(client, "It used germanium.", response_format="pcm")
    marked = await speech(
        client,
        "It **used** [germanium](https://example.com/a) [12][13] [02:10-02:18].",
        response_format="pcm",
    )
    assert marked.content == plain.content


async def test_events_hold_the_same_audio(serve):
    """With stream_format=sse the deltas join to the same file, and `done` counts what was used."""
    client = await serve(engine="flite")
    whole = (await speech(client)).content
    response = await speech(client, stream_format="sse")
    assert response.headers["content-type"].startswith("text/event-stream")

    events = [orjson.loads(event.data) for event in SSEParser().feed(response.content)]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == whole
    assert events[-1]["type"] == "speech.audio.done"
    usage = events[-1]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["output_tokens"] == pytest.approx(hear(whole).duration_s * 20, rel=0.1)


async def test_openais_own_client_streams_it(serve):
    """The openai package gets playable audio, whatever the names of its model and voice."""
    client = await serve(engine="flite")
    async with openai.AsyncOpenAI(base_url=f"{client.base_url}/v1", api_key="none") as theirs:
        made = theirs.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice="marin", input=TEXT, response_format="flac", instructions="Softly."
        )
        async with made as response:
            audio = b"".join([chunk async for chunk in response.iter_bytes()])
    assert 2 < hear(audio).duration_s < 4.5


@pytest.mark.parametrize(
    ("asked", "spoken_by"),
    [
        ("lad", "lad"),
        ({"id": "LAD"}, "lad"),
        ("onyx", "lad"),
        ("nova", "led"),
        ("alloy", "led"),
        ("unheard-of", "led"),
        (None, "led"),
    ],
)
async def test_no_voice_and_no_model_is_refused(serve, led, asked, spoken_by):
    """Names that are not ours are spoken by the voice that is most like them."""
    client = await serve()
    response = await speech(client, voice=asked, model="anything-at-all", speed=None)
    assert response.status_code == 200
    assert response.headers["x-viva-voice"] == spoken_by
    assert led.asked == [(TEXT, spoken_by, 1.0)]


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"input": ""}, "text_empty", "input"),
        ({"input": "[12] 🎉\n```\ncode\n```"}, "text_empty", "input"),
        ({"input": "a" * 4097}, "text_too_long", "input"),
        ({"input": None}, "invalid_request", "input"),
        ({"input": 5}, "invalid_request", "input"),
        ({"voice": 5}, "invalid_request", "voice"),
        ({"voice": {"name": "x"}}, "invalid_request", "voice"),
        ({"speed": 0.2}, "invalid_request", "speed"),
        ({"speed": 4.1}, "invalid_request", "speed"),
        ({"response_format": "ogg"}, "invalid_request", "response_format"),
        ({"stream_format": "text"}, "invalid_request", "stream_format"),
        ({"input": "日本語です。"}, "text_unspeakable", "input"),
    ],
)
async def test_wrong_requests_are_told_what_is_wrong(serve, fields, code, param):
    """A field that is wrong is a 400 with a code and the field's name."""
    response = await speech(await serve(engine="flite"), **fields)
    assert response.status_code == 400
    assert (response.json()["error"]["code"], response.json()["error"]["param"]) == (code, param)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b'{"input": NaN}', 400, "invalid_json"),
        (b'{"input": "\\ud800"}', 400, "invalid_json"),
        (b"[" * 2000, 400, "invalid_json"),
        (b"[]", 400, "invalid_request"),
        (b'{"input": "' + b"a" * 200_000 + b'"}', 413, "too_large"),
    ],
)
async def test_wrong_bodies_are_refused(serve, body, status, code):
    """A body that is not a JSON object, or is far too large, is refused."""
    response = await (await serve()).post("/v1/audio/speech", content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


async def test_4096_characters_are_spoken(serve):
    """The longest text that is allowed is spoken to its end."""
    client = await serve()
    text = "Nine char. " * 372 + "End."
    assert len(text) == 4096
    response = await speech(client, text, response_format="pcm")
    assert hear_pcm(response.content, 24_000).duration_s == pytest.approx(4096 / 15, rel=0.1)
