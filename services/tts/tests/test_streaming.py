"""The order of events: speech begins with the first sentence, breaks off visibly, and stops for who has left."""

import asyncio
import time

import httpx
import orjson
import pytest

from viva.errors import Overloaded, StageUnavailable
from viva.sse import SSEParser

from .sound import hear_pcm

THREE = "First comes this sentence. Second comes another one. Third comes the last one."
SOON = 30


def asked_for(text=THREE, **fields):
    """The body of a request."""
    return {"input": text, "response_format": "pcm", **fields}


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
async def test_the_first_bytes_come_before_the_last_sentence_is_made(serve, led, audio_format):
    """In every format audio flows while the last sentence still waits, and all of it comes in the end."""
    client = await serve()
    third = led.hold("Third")
    async with client.stream("POST", "/v1/audio/speech", json=asked_for(response_format=audio_format)) as response:
        chunks = response.aiter_raw()
        first = await anext(chunks)
        assert first
        assert "Third" not in led.ended
        third.set()
        rest = b"".join([chunk async for chunk in chunks])
    assert led.ended == ["First", "Second", "Third"]
    if audio_format == "pcm":
        assert hear_pcm(first + rest, 24_000).duration_s == pytest.approx(1.5)


async def test_the_next_sentence_is_made_while_the_one_before_is_sent(serve, led):
    """The second sentence is begun although the first one, more than the sockets hold, cannot be sent yet."""
    client = await serve()
    led.piece_s = 200.0  # 9.6 MB of PCM
    async with client.stream("POST", "/v1/audio/speech", json=asked_for()):
        async with asyncio.timeout(SOON):
            await led.began["Second"].wait()


async def test_a_slow_reader_does_not_pile_up_speech(serve, led):
    """For a reader that does not read, the engine stops at a bounded number of pieces."""
    client = await serve()
    led.piece_s, led.pieces = 20.0, 40  # 38 MB of PCM, far more than the sockets hold
    async with client.stream("POST", "/v1/audio/speech", json=asked_for("First is endless.")):
        async with asyncio.timeout(SOON):
            await led.began["First"].wait()
            await asyncio.sleep(0.5)
        assert not led.ended
    async with asyncio.timeout(SOON):
        await led.stopped["First"].wait()


async def test_an_error_before_the_first_byte_is_a_status(serve, led):
    """When the first sentence fails, the answer is an error with a status, also where events were asked for."""
    client = await serve()
    led.errors["First"] = StageUnavailable("tts", "Gone.")
    for stream_format in ("audio", "sse"):
        response = await client.post("/v1/audio/speech", json=asked_for(stream_format=stream_format))
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "tts_unavailable"
    led.errors["First"] = Overloaded("Busy.", retry_after_s=7)
    response = await client.post("/v1/audio/speech", json=asked_for())
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")


async def test_an_error_after_the_first_byte_breaks_the_connection(serve, led):
    """Audio that is cut short never looks like audio that is whole."""
    client = await serve()
    led.errors["Third"] = StageUnavailable("tts", "Gone.")
    third = led.hold("Third")
    async with client.stream("POST", "/v1/audio/speech", json=asked_for()) as response:
        chunks = response.aiter_raw()
        await anext(chunks)
        third.set()
        with pytest.raises(httpx.RemoteProtocolError):
            [chunk async for chunk in chunks]
    assert await _count(client, 'outcome="cut"') == 1


async def test_an_error_after_the_first_event_is_an_event(serve, led):
    """A stream of events that is cut ends with an error event and has no `done`."""
    client = await serve()
    led.errors["Third"] = StageUnavailable("tts", "Gone.")
    response = await client.post("/v1/audio/speech", json=asked_for(stream_format="sse"))
    events = [orjson.loads(event.data) for event in SSEParser().feed(response.content)]
    assert [event["type"] for event in events[:1]] == ["speech.audio.delta"]
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["code"] == "tts_unavailable"
    assert "speech.audio.done" not in {event["type"] for event in events}


async def test_every_sentence_is_due_when_those_before_it_end(serve, led):
    """Counted from what the request's header says; without it the first is due at once."""
    client, headers = await serve(), {"X-Viva-Needed-In-Ms": "3000"}
    before = time.monotonic()
    await client.post("/v1/audio/speech", json=asked_for(), headers=headers)
    after = time.monotonic()
    assert before + 3.0 <= led.due["First"] <= after + 3.0
    assert led.due["Second"] - led.due["First"] == pytest.approx(led.piece_s)
    assert led.due["Third"] - led.due["Second"] == pytest.approx(led.piece_s)
    await client.post("/synthesize", json={"text": "Now."})
    assert after <= led.due["Now"] <= time.monotonic()


@pytest.mark.parametrize("needed", ["soon", "-1", "1.5", "9999999999", ""])
async def test_a_time_that_is_none_is_refused(serve, needed):
    """The header is whole milliseconds, and the refusal says so."""
    client, headers = await serve(), {"X-Viva-Needed-In-Ms": needed}
    response = await client.post("/v1/audio/speech", json=asked_for(), headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "X-Viva-Needed-In-Ms"


@pytest.mark.parametrize("word", ["First", "Second"])
async def test_a_client_that_leaves_stops_its_work(serve, led, word):
    """Whoever leaves before the first byte, or after it, has the engine stopped and its place given back."""
    client = await serve(max_active=1)
    led.hold(word)

    async def ask():
        async with client.stream("POST", "/v1/audio/speech", json=asked_for()) as response:
            [chunk async for chunk in response.aiter_raw()]

    asking = asyncio.create_task(ask())
    async with asyncio.timeout(SOON):
        await led.began[word].wait()
        asking.cancel()
        await led.stopped[word].wait()
    led.hold(word).set()
    # Its place is free again: this one would be refused otherwise.
    assert (await client.post("/v1/audio/speech", json=asked_for("After."))).status_code == 200
    assert "Third" not in led.began
    assert await _count(client, 'outcome="left"') == 1


async def test_past_its_capacity_it_says_so_at_once(serve, led):
    """One request more than may be active is told 503 with Retry-After, while the admitted one is served."""
    client = await serve(max_active=1)
    first = led.hold("First")
    admitted = asyncio.create_task(client.post("/v1/audio/speech", json=asked_for()))
    async with asyncio.timeout(SOON):
        await led.began["First"].wait()
        refused = await client.post("/synthesize", json={"text": "Another."})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    first.set()
    assert (await admitted).status_code == 200
    assert (await client.post("/v1/audio/speech", json=asked_for("After."))).status_code == 200


async def test_a_voice_that_hangs_is_given_up(serve, led):
    """A sentence that does not come within its deadline is a 504, and its work is stopped."""
    client = await serve(sentence_timeout_s=0.05)
    led.hold("First")
    response = await client.post("/v1/audio/speech", json=asked_for())
    assert (response.status_code, response.json()["error"]["code"]) == (504, "tts_timeout")
    assert led.stopped["First"].is_set()


async def test_a_repeated_sentence_is_made_once(serve, led):
    """The second time a sentence comes from the cache, but not in another voice or at another speed."""
    client = await serve()
    first, again = [await client.post("/v1/audio/speech", json=asked_for("Good day.")) for _ in range(2)]
    assert again.content == first.content
    assert len(led.asked) == 1
    await client.post("/v1/audio/speech", json=asked_for("Good day.", voice="lad"))
    await client.post("/v1/audio/speech", json=asked_for("Good day.", speed=2))
    assert len(led.asked) == 3
    assert await _count(client, 'viva_tts_cache_total{result="hit"}') == 1
    assert await _count(client, 'viva_tts_cache_total{result="miss"}') == 3


async def test_a_sentence_that_was_cut_is_not_kept(serve, led):
    """What failed halfway is made anew the next time."""
    client = await serve()
    led.errors["Third"] = StageUnavailable("tts", "Gone.")
    await client.post("/v1/audio/speech", json=asked_for(stream_format="sse"))
    led.errors.clear()
    response = await client.post("/v1/audio/speech", json=asked_for())
    assert hear_pcm(response.content, 24_000).duration_s == pytest.approx(1.5)


async def _count(client, name: str) -> float:
    """The value of the metric whose line holds `name`."""
    lines = (await client.get("/metrics")).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if name in line and not line.startswith("#"))
