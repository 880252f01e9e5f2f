"""The service over HTTP, in process."""

import asyncio
import struct
import wave
from pathlib import Path

import httpx
import orjson
import pytest

from viva.audio import wav_bytes
from viva.sse import SSEParser

from .loopback import listening

PATH = "/v1/audio/transcriptions"
TWO_SENTENCES = ("Good morning everybody.", "Today we will talk about the history of the transistor.")


async def post(client: httpx.AsyncClient, content: Path | bytes, headers: dict | None = None, **fields: object):
    if isinstance(content, Path):
        content = await asyncio.to_thread(content.read_bytes)
    return await client.post(PATH, files={"file": ("x", content)}, data=fields, headers=headers)


def events(response: httpx.Response) -> list[dict]:
    parser = SSEParser()
    return [orjson.loads(event.data) for event in [*parser.feed(response.content), *parser.flush()]]


def silence(path: Path, seconds: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(round(seconds * 32_000)))
    return path


async def metric(client: httpx.AsyncClient, line: str) -> float:
    page = (await client.get("/metrics")).text
    return next((float(found.rpartition(" ")[2]) for found in page.splitlines() if found.startswith(line)), 0.0)


async def until(client: httpx.AsyncClient, line: str) -> None:
    """Wait until a metric is not 0."""
    async with asyncio.timeout(30):
        while not await metric(client, line):  # noqa: ASYNC110 - what happens there is seen through HTTP only
            await asyncio.sleep(0.01)


async def cancelled(*tasks: asyncio.Task) -> None:
    """Cancel requests and wait until they have ended."""
    for task in tasks:
        task.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True))


async def test_json(open_app, speak) -> None:
    """A recording gives its text, whatever the model is called; each sentence is recognised once."""
    client = await open_app(fake_text="hello")
    response = await post(client, speak(*TWO_SENTENCES), model="gpt-9-transcribe-max")
    assert response.status_code == 200
    assert response.json()["text"] == "hello hello"


async def test_verbose_json(open_app, speak) -> None:
    """The verbose format has duration, language, segments inside the recording and, asked for, words in order."""
    client = await open_app()
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"], "language": "en"}
    answer = (await post(client, speak(*TWO_SENTENCES), **fields)).json()
    assert answer["language"] == "english"
    times = [time for word in answer["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= answer["duration"]
    assert [segment["id"] for segment in answer["segments"]] == [0, 1]


@pytest.mark.parametrize(
    ("response_format", "start"), [("srt", "1\n00:00:"), ("vtt", "WEBVTT\n\n00:00:"), ("text", "hi")]
)
async def test_texts(open_app, speak, response_format: str, start: str) -> None:
    """The text formats come as text."""
    client = await open_app(fake_text="hi")
    response = await post(client, speak(*TWO_SENTENCES), response_format=response_format)
    assert response.text.startswith(start)


async def test_stream(open_app, speak) -> None:
    """A stream has a delta and a segment for each sentence and ends in one `done` with the whole."""
    client = await open_app(fake_text="hi")
    response = await post(client, speak(*TWO_SENTENCES), stream="true")
    assert response.headers["content-type"].startswith("text/event-stream")
    found = events(response)
    assert [event["type"].rpartition(".")[2] for event in found] == ["delta", "segment", "delta", "segment", "done"]
    assert found[-1]["text"] == "hi hi"
    assert found[-1]["usage"]["seconds"] > 3


@pytest.mark.parametrize("seconds", [0.5, 30])
async def test_silence_is_empty_text(open_app, tmp_path: Path, seconds: float) -> None:
    """Silence gives no text and no segments, in every form."""
    client = await open_app()
    path = silence(tmp_path / "silence.wav", seconds)
    assert (await post(client, path)).json()["text"] == ""
    assert (await post(client, path, response_format="verbose_json")).json()["segments"] == []
    (done,) = events(await post(client, path, stream="true"))
    assert (done["type"], done["text"]) == ("transcript.text.done", "")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "audio_empty"),
        (b"this is not a recording " * 100, "audio_undecodable"),
        (b"RIFF" + struct.pack("<I", 36) + b"WAVE", "audio_undecodable"),
    ],
)
async def test_wrong_audio(open_app, content: bytes, code: str) -> None:
    """What is not a recording is a 4xx with a code and a sentence."""
    response = await post(await open_app(), content)
    assert 400 <= response.status_code < 500
    error = response.json()["error"]
    assert error["message"].endswith(".")
    assert error["code"].startswith("audio_")
    assert code in (error["code"], "audio_undecodable")


async def test_truncated_audio(open_app, speak) -> None:
    """A WAV file that claims more than it has is refused."""
    response = await post(await open_app(), speak(*TWO_SENTENCES).read_bytes()[:40_000])
    assert (response.status_code, response.json()["error"]["code"]) == (400, "audio_truncated")


async def test_too_long(open_app, speak) -> None:
    """A recording over the limit is refused before it is transcribed."""
    response = await post(await open_app(max_duration_s=2), speak(*TWO_SENTENCES))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "audio_too_long")


@pytest.mark.parametrize("declared", [True, False])
async def test_too_large(open_app, declared: bool) -> None:
    """An upload over the limit is refused, by its declared length or as soon as it has sent too much."""
    client = await open_app(max_upload_bytes=2_000)
    boundary = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    sent = 0

    async def endless():
        nonlocal sent
        yield boundary
        for _ in range(1_000):
            sent += 65_536
            yield bytes(65_536)

    headers = {"content-type": "multipart/form-data; boundary=b"}
    if declared:
        headers["content-length"] = str(1 << 30)
    response = await client.post(PATH, content=endless(), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")
    assert sent < 1_000_000


async def test_no_file(open_app) -> None:
    """A form without a file says which field is missing."""
    response = await (await open_app()).post(PATH, data={"model": "x"}, files={"other": b"x"})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "file")


async def test_not_a_form(open_app) -> None:
    """Another content type is 415."""
    response = await (await open_app()).post(PATH, json={"file": "x"})
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media")


async def test_broken_form(open_app) -> None:
    """A form that is not one is a 400."""
    headers = {"content-type": "multipart/form-data; boundary=b"}
    response = await (await open_app()).post(PATH, content=b"--c\r\nnothing", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("fields", "headers"),
    [({"response_format": "xml"}, {}), ({"temperature": "9"}, {}), ({}, {"X-Viva-Priority": "urgent"})],
)
async def test_wrong_requests(open_app, speak, fields: dict, headers: dict) -> None:
    """Wrong fields and headers are a 400 with a sentence that names them."""
    response = await post(await open_app(), speak(*TWO_SENTENCES), headers, **fields)
    assert response.status_code == 400
    assert response.json()["error"]["message"].endswith(".")


async def test_a_language_that_the_engine_lacks(open_app, speak, tiny_whisper: Path) -> None:
    """A language that the loaded model does not know is refused rather than ignored."""
    client = await open_app(engine="whisper", whisper_model=tiny_whisper)
    response = await post(client, speak(*TWO_SENTENCES), language="de")
    assert (response.status_code, response.json()["error"]["param"]) == (400, "language")


async def test_overload(open_app, speak) -> None:
    """When too much audio waits, the next recording is told 503 with Retry-After, until the first has gone."""
    client = await open_app(fake_latency_ms=60_000, max_queued_s=5)
    batch = {"X-Viva-Priority": "batch"}
    first = asyncio.create_task(post(client, speak(*TWO_SENTENCES), batch))
    await until(client, 'viva_asr_queued_audio_seconds{kind="batch"}')
    refused = await post(client, speak(*TWO_SENTENCES), batch)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    await cancelled(first)
    assert (await client.get("/status")).json()["load"]["queued_batch_s"] == 0


async def test_a_question_is_not_refused_for_lectures(open_app, speak) -> None:
    """Waiting lectures do not count against questions, and short recordings are questions by default."""
    client = await open_app(fake_latency_ms=60_000, max_queued_s=5)
    lecture = asyncio.create_task(post(client, speak(*TWO_SENTENCES), {"X-Viva-Priority": "batch"}))
    await until(client, 'viva_asr_queued_audio_seconds{kind="batch"}')
    question = asyncio.create_task(post(client, speak(*TWO_SENTENCES)))
    await until(client, 'viva_asr_queued_audio_seconds{kind="interactive"}')
    await cancelled(lecture, question)


async def test_many_lectures_leave_room_for_a_question(open_app, speak) -> None:
    """More lectures at once than can be read are told 503, and a question still gets in at once."""
    client = await open_app(fake_latency_ms=60_000)
    recording = await asyncio.to_thread(speak(*TWO_SENTENCES).read_bytes)
    batch = {"X-Viva-Priority": "batch"}
    lectures = [asyncio.create_task(post(client, recording, batch)) for _ in range(36)]
    async with asyncio.timeout(60):
        refused = [await answer for _, answer in zip(range(12), asyncio.as_completed(lectures), strict=False)]
        question = asyncio.create_task(post(client, recording))
        await until(client, 'viva_asr_queued_audio_seconds{kind="interactive"}')
    assert {answer.status_code for answer in refused} == {503}
    await cancelled(question, *(lecture for lecture in lectures if not lecture.done()))


async def test_leaving_stops_the_work(open_app, speak) -> None:
    """A client that closes its connection leaves nothing queued behind, and is counted."""
    client = await open_app(fake_latency_ms=60_000)
    async with listening(client.app, lifespan="off") as url, httpx.AsyncClient(base_url=url, timeout=60) as other:
        leaving = asyncio.create_task(post(other, speak(*TWO_SENTENCES)))
        await until(client, 'viva_asr_queue_wait_seconds_count{kind="interactive"}')
        await cancelled(leaving)
        await until(client, 'viva_asr_requests_total{outcome="left"}')
        assert (await client.get("/status")).json()["load"]["recordings"] == 0


async def test_a_server_that_is_down_is_unavailable(open_app, speak) -> None:
    """When the engine's server cannot be reached, the answer is a retryable 503."""
    client = await open_app(engine="openai", openai_url="http://127.0.0.1:9/v1")
    response = await post(client, speak(*TWO_SENTENCES))
    assert (response.status_code, response.json()["error"]["code"]) == (503, "asr_unavailable")
    assert response.json()["error"]["retryable"]
    assert (await post(client, speak(*TWO_SENTENCES), stream="true")).status_code == 503


async def test_status(open_app) -> None:
    """The status says which engine runs, why, and the load."""
    status = (await (await open_app()).get("/status")).json()
    assert (status["engine"], status["load"]["recordings"]) == ("fake", 0)
    assert "VIVA_ASR_ENGINE" in status["why"]


async def test_metrics(open_app, speak) -> None:
    """Requests are counted by outcome, and audio by the second."""
    client = await open_app()
    await post(client, speak(*TWO_SENTENCES))
    await post(client, b"")
    assert await metric(client, 'viva_asr_requests_total{outcome="ok"}') == 1
    assert await metric(client, 'viva_asr_requests_total{outcome="refused"}') == 1
    assert await metric(client, 'viva_asr_audio_seconds_total{kind="interactive"}') > 3


async def test_nothing_is_left_on_disk(open_app, speak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings are gone when the answer has been given, whether it was one or an error."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    client = await open_app()
    long = (await asyncio.to_thread(speak(*TWO_SENTENCES).read_bytes))[44:] * 20
    for recording in (speak(*TWO_SENTENCES), wav_bytes(long, 16_000)):
        for fields in ({}, {"stream": "true"}, {"response_format": "xml"}):
            await post(client, recording, **fields)
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []


async def test_a_question_needs_no_disk(open_app, speak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short recording is transcribed where no file can be written; a long one cannot be."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    client = await open_app()
    assert (await post(client, speak(*TWO_SENTENCES))).status_code == 200
    with pytest.raises(FileNotFoundError):
        await post(client, wav_bytes(bytes(3_000_000), 16_000))


async def test_the_document_shows_the_form(open_app) -> None:
    """The OpenAPI document describes the multipart fields, the file among them."""
    document = (await (await open_app()).get("/openapi.json")).json()
    schema = document["paths"][PATH]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {"file", "model", "stream", "timestamp_granularities[]"} <= set(schema["properties"])
    assert schema["required"] == ["file"]
