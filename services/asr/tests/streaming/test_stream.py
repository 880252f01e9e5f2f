"""The stream over a real WebSocket, with speech that was really spoken."""

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import aiohttp
import httpx
import pytest

from viva.audio.encode import Encoder
from viva_asr.scheduler import Scheduler

from ..loopback import listening
from ..test_routes import metric, until

QUESTION = "Who made the first integrated circuit?"
UNFINISHED = "So my question is about"
SILENCE = bytes(2 * 16_000)
SERVER_VAD = {"type": "server_vad"}

Connect = Callable[..., Awaitable["Ear"]]


class Ear:
    """A client of the stream: what it heard, and ways to send."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[dict] = []

    async def start(self, detection: dict | None, **fields: object) -> None:
        await self.socket.send_json({"type": "start", "rate_hz": 16_000, "turn_detection": detection, **fields})

    async def hear(self, pcm: bytes) -> None:
        """Let it hear so much audio, in pieces of 100 ms."""
        for at in range(0, len(pcm), 3_200):
            await self.socket.send_bytes(pcm[at : at + 3_200])

    async def until(self, kind: str, **fields: object) -> dict:
        """Wait for a message of this kind."""
        async with asyncio.timeout(60):
            while True:
                message = await self.socket.receive_json()
                self.heard.append(message)
                if message["type"] == kind and fields.items() <= message.items():
                    return message

    async def closed(self) -> int:
        """Wait until the server has closed; return its code."""
        async with asyncio.timeout(60):
            while (message := await self.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                self.heard.append(message.json())
        return self.socket.close_code

    @property
    def partials(self) -> list[str]:
        return [message["text"] for message in self.heard if message["type"] == "partial"]


@pytest.fixture
def spoken(speak) -> Callable[[str], bytes]:
    """The samples of a sentence, 16 kHz."""

    def samples(text: str) -> bytes:
        with wave.open(str(speak(text))) as file:
            return file.readframes(file.getnframes())

    return samples


@asynccontextmanager
async def serving(client: httpx.AsyncClient) -> AsyncIterator[Connect]:
    """Opens streams of an app that is open."""
    async with listening(client.app, lifespan="off") as url, aiohttp.ClientSession() as session:

        async def connect(**headers: str) -> Ear:
            return Ear(await session.ws_connect(f"{url}/v1/audio/stream", headers=headers))

        yield connect


async def test_a_turn_is_found(open_app, spoken) -> None:
    """Speech between silences is a turn with the padding asked for, whose end is told after the silence asked for."""
    async with serving(await open_app()) as connect:
        ear = await connect()
        await ear.start(SERVER_VAD | {"prefix_padding_ms": 200, "silence_duration_ms": 400})
        speech = spoken(QUESTION)
        await ear.hear(SILENCE + speech + SILENCE)
        started = (await ear.until("speech_started"))["start_ms"]
        stopped = (await ear.until("speech_stopped"))["end_ms"]
    assert 700 <= started <= 1_000
    assert abs(stopped - 1_000 - len(speech) / 32 - 400) < 300


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
async def test_both_rates_are_heard(open_app, spoken, rate_hz: int) -> None:
    """At 24 kHz the same second is the same time."""
    async with serving(await open_app()) as connect:
        ear = await connect()
        await ear.start(SERVER_VAD, rate_hz=rate_hz)
        await ear.hear(bytes(2 * rate_hz) + _at_rate(spoken(QUESTION), rate_hz) + bytes(2 * rate_hz))
        assert 600 <= (await ear.until("speech_started"))["start_ms"] <= 1_000
        await ear.until("speech_stopped")


def _at_rate(pcm: bytes, rate_hz: int) -> bytes:
    encoder = Encoder("pcm", 16_000, rate_hz)
    return encoder.feed(pcm) + encoder.flush()


async def test_words_come_while_they_are_spoken(open_app, spoken) -> None:
    """Without any end of the turn, as in push-to-talk, words arrive, and each text begins with the one before."""
    async with serving(await open_app(fake_text="one two three four five six seven")) as connect:
        ear = await connect()
        await ear.start(None)
        speech = spoken(QUESTION)
        for at in range(0, len(speech), 9_600):
            await ear.hear(speech[at : at + 9_600])
            await asyncio.sleep(0.01)
        await ear.hear(SILENCE)
        await ear.until("partial")
        await ear.until("partial")
    texts = ear.partials
    assert all(after.startswith(before) for before, after in pairwise(texts))
    assert texts[0].startswith("one")


async def test_the_built_in_recogniser_hears_words_before_the_end(open_app, spoken) -> None:
    """Moonshine gives out the first words of a question while its rest has not been said."""
    async with serving(await open_app(engine="moonshine", workers=1)) as connect:
        ear = await connect()
        await ear.start(None)
        speech = spoken("How many delegates signed the constitution of the country?")
        for at in range(0, len(speech) // 2, 6_400):
            await ear.hear(speech[at : at + 6_400])
            await asyncio.sleep(0.2)  # as long as it takes to say, so that there is time to recognise it
        await ear.until("partial")
    assert ear.partials[-1].lower().startswith("how")


async def test_a_commit_begins_the_next_utterance(open_app, spoken) -> None:
    """After a commit the words begin anew, and messages carry how many commits came before."""
    async with serving(await open_app(fake_text="one two three four five")) as connect:
        ear = await connect()
        await ear.start(None)
        for number in range(2):
            for _ in range(6):
                await ear.hear(spoken(QUESTION)[: 32_000 * 2])
                await asyncio.sleep(0.01)
            assert (await ear.until("partial", utterance=number))["text"].startswith("one")
            await ear.socket.send_json({"type": "commit"})


async def test_an_unfinished_sentence_is_waited_for(open_app, spoken) -> None:
    """semantic_vad lets a finished question end after a short silence, and waits after one that breaks off."""
    waited = {}
    client = await open_app(engine="moonshine", workers=1)
    async with serving(client) as connect:
        for text in (QUESTION, UNFINISHED):
            ear = await connect()
            await ear.start({"type": "semantic_vad", "eagerness": "high"})
            speech = spoken(text)
            await ear.hear(speech)
            hears_silence = asyncio.create_task(_unhurried_silence(ear, client.app.state.recogniser._scheduler))
            end_ms = (await ear.until("speech_stopped"))["end_ms"]
            hears_silence.cancel()
            await asyncio.gather(hears_silence, return_exceptions=True)
            await ear.socket.close()
            waited[text] = end_ms - len(speech) / 32
    assert waited[UNFINISHED] > 1_500
    assert waited[QUESTION] < waited[UNFINISHED] - 500


async def _unhurried_silence(ear: Ear, scheduler: Scheduler) -> None:
    """Silence that goes on only when what was said before it has been recognised, however slow the machine is."""
    for _ in range(100):
        await ear.hear(SILENCE[:3_200])
        await asyncio.sleep(0.05)
        while scheduler._partials:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_detection_can_be_changed_on_the_way(open_app, spoken) -> None:
    """From push-to-talk to turns and back, without a new stream."""
    async with serving(await open_app()) as connect:
        ear = await connect()
        await ear.start(None)
        await ear.hear(SILENCE + spoken(QUESTION) + SILENCE)
        await ear.socket.send_json({"type": "clear"})
        await ear.socket.send_json({"type": "configure", "turn_detection": SERVER_VAD})
        await ear.hear(SILENCE + spoken(QUESTION) + SILENCE)
        await ear.until("speech_stopped")
        assert [message["type"] for message in ear.heard if "speech" in message["type"]] == [
            "speech_started",
            "speech_stopped",
        ]


async def test_a_turn_goes_on_from_another_stream(open_app, spoken) -> None:
    """A stream that begins within a turn tells its end alone."""
    async with serving(await open_app()) as connect:
        ear = await connect()
        await ear.start(SERVER_VAD, speaking=True)
        await ear.hear(spoken(QUESTION)[32_000:] + SILENCE)
        await ear.until("speech_stopped")
    assert "speech_started" not in [message["type"] for message in ear.heard]


async def test_a_turn_that_never_ends_is_ended(open_app, spoken) -> None:
    """A turn longer than allowed is cut where the client, or the service, says."""
    async with serving(await open_app(max_turn_s=10)) as connect:
        ear = await connect()
        await ear.start(SERVER_VAD | {"silence_duration_ms": 5_000}, max_turn_s=1)
        await ear.hear(spoken(QUESTION))
        stopped = await ear.until("speech_stopped")
    assert stopped["end_ms"] < 1_500


async def test_silence_is_told(open_app) -> None:
    """The client learns what it need not keep, and nothing else of a minute of silence."""
    async with serving(await open_app()) as connect:
        ear = await connect()
        await ear.start(SERVER_VAD)
        await ear.hear(SILENCE * 10)
        await ear.socket.send_json({"type": "what"})
        assert await ear.closed() == 1008
    assert {message["type"] for message in ear.heard} == {"silence", "error"}
    assert ear.heard[-2]["until_ms"] > 9_000


async def test_too_many_streams_are_told_so(open_app) -> None:
    """Past the limit a stream hears `overloaded` and is closed; when one leaves there is room again."""
    client = await open_app(max_streams=1)
    async with serving(client) as connect:
        first = await connect()
        await first.start(None)
        await until(client, "viva_asr_open_streams")
        second = await connect()
        assert (await second.until("error"))["code"] == "overloaded"
        assert await second.closed() == 1013
        await first.socket.close()
        await until(client, 'viva_asr_streams_total{outcome="left"}')
        third = await connect()
        await third.start(SERVER_VAD)
        await third.hear(SILENCE)
        await third.until("silence")


async def test_who_leaves_leaves_nothing(open_app, spoken) -> None:
    """A client that goes in the middle of a word frees its place, its attempt and its worker at once."""
    client = await open_app(fake_latency_ms=60_000)
    async with serving(client) as connect:
        ear = await connect()
        await ear.start(SERVER_VAD)
        await ear.hear(spoken(QUESTION))
        await until(client, 'viva_asr_queue_wait_seconds_count{kind="partial"}')
        ear.socket._response.close()  # without a goodbye
        await until(client, 'viva_asr_streams_total{outcome="left"}')
        await until(client, 'viva_asr_partials_total{outcome="late"}')
        assert await metric(client, "viva_asr_open_streams") == 0
        scheduler = client.app.state.recogniser._scheduler
        async with asyncio.timeout(30):
            while len(scheduler._idle) < len(scheduler._workers):  # noqa: ASYNC110 - a worker tells nobody
                await asyncio.sleep(0.01)


async def test_a_server_that_stops_says_so(open_app, spoken) -> None:
    """When this replica stops, its streams are closed with 1012 at once: their clients go on at another."""
    client = await open_app()
    async with aiohttp.ClientSession() as session:
        async with listening(client.app, lifespan="off") as url:
            ear = Ear(await session.ws_connect(f"{url}/v1/audio/stream"))
            await ear.start(SERVER_VAD)
            await ear.hear(spoken(QUESTION))
            await ear.until("speech_started")
            closing = asyncio.create_task(ear.closed())
        assert await closing == 1012
    await until(client, 'viva_asr_streams_total{outcome="left"}')


async def test_a_silent_client_is_let_go(open_app) -> None:
    """A stream without a frame for the idle time is closed normally, before its first frame as well as after it."""
    client = await open_app(stream_idle_s=0.2)
    async with serving(client) as connect:
        one, other = await connect(), await connect()
        await other.start(None)
        assert (await one.closed(), await other.closed()) == (1000, 1000)
        await until(client, 'viva_asr_streams_total{outcome="idle"}')


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (b"\0\0", 1008),
        ('{"type":"commit"}', 1008),
        ("{", 1008),
        ('{"type":"start","rate_hz":8000}', 1008),
    ],
)
async def test_a_wrong_beginning(open_app, first: str | bytes, code: int) -> None:
    """What does not begin with a good `start` hears why and is closed."""
    async with serving(await open_app()) as connect:
        ear = await connect()
        await (ear.socket.send_bytes(first) if isinstance(first, bytes) else ear.socket.send_str(first))
        assert (await ear.until("error"))["message"].endswith(".")
        assert await ear.closed() == code


async def test_a_frame_that_is_too_large(open_app) -> None:
    """A frame of more than 1 MiB closes the stream with 1009."""
    async with serving(await open_app()) as connect:
        ear = await connect()
        await ear.start(None)
        await ear.socket.send_bytes(bytes((1 << 20) + 1))
        assert await ear.closed() == 1009


async def test_without_partials(open_app, spoken) -> None:
    """With partials off, turns are found all the same and no worker is asked for words."""
    client = await open_app(partials="off")
    async with serving(client) as connect:
        ear = await connect()
        await ear.start({"type": "semantic_vad"})
        await ear.hear(spoken(QUESTION) + SILENCE * 3)
        await ear.until("speech_stopped")
    assert ear.partials == []
    assert await metric(client, 'viva_asr_queue_wait_seconds_count{kind="partial"}') == 0


async def test_the_status_counts_streams(open_app) -> None:
    """/status says how many are open."""
    client = await open_app()
    async with serving(client) as connect:
        ear = await connect()
        await ear.start(None)
        await until(client, "viva_asr_open_streams")
        assert (await client.get("/status")).json()["load"]["streams"] == 1
