"""What a connection hears, against an asr stage that does as told. Audio is at 16 kHz: 32 bytes are a millisecond."""

from __future__ import annotations

import io
import sys
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from viva.errors import StageUnavailable
from viva.service.upstream import Upstream, client_session
from viva_orchestrator.realtime import ear as ear_module
from viva_orchestrator.realtime.listening import (
    Heard,
    InputFormat,
    Listener,
    Partial,
    SpeechStarted,
    SpeechStopped,
    TurnDetection,
)

from .ear_server import EarServer, ear_server, until

PCM_16K = InputFormat("audio/pcm", 16_000)


def audio(ms: int, first: int = 0) -> bytes:
    """So much audio whose samples count up from `first` milliseconds, so that one can tell where they come from."""
    return b"".join((at % 32_000).to_bytes(2, "little") for at in range(first * 16, (first + ms) * 16))


def samples(wav: bytes | None) -> bytes:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return file.readframes(file.getnframes())


class Listening:
    """A Listener, its asr stage, and what was heard."""

    def __init__(self, server: EarServer, listener: Callable[..., Listener]) -> None:
        self.server = server
        self.heard: list[Heard] = []
        self.taken: list[bytes | None] = []
        self.takes = True
        self.listener = listener(hear=self._hear)

    async def _hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        if isinstance(heard, SpeechStopped) and self.takes:
            self.taken.append(self.listener.take())

    async def begin(self, detection: TurnDetection | None, *appended: bytes) -> None:
        await self.listener.configure(PCM_16K, detection)
        for piece in appended:
            await self.listener.append(piece)


@pytest.fixture
async def server() -> AsyncIterator[EarServer]:
    async with ear_server() as running:
        yield running


@pytest.fixture
async def make(server: EarServer) -> AsyncIterator[Callable[..., Listening]]:
    """Makes a Listening; keyword arguments go to its Listener."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(client_session())

        def made(**options: object) -> Listening:
            upstream = Upstream("asr", server.url, session, first_byte_s=5)
            listening = Listening(server, lambda hear: Listener(upstream, **{"max_audio_s": 60, **options}, hear=hear))
            stack.push_async_callback(listening.listener.close)
            return listening

        yield made


@pytest.fixture
def listening(make: Callable[..., Listening]) -> Listening:
    return make()


async def test_nothing_is_opened_before_audio_comes(listening: Listening) -> None:
    """A connection without audio has no stream, and is small."""
    await listening.begin(TurnDetection())
    assert not listening.listener._ear.open
    assert listening.server.streams == []
    parts = (listening.listener, listening.listener._ear, listening.listener._audio, listening.listener._input)
    assert sum(sys.getsizeof(part) + sys.getsizeof(part.__dict__) for part in parts) < 4_000


async def test_the_stage_is_told_how_to_listen(listening: Listening) -> None:
    """The first frame has rate, language and knobs, within the bounds of the stage; the audio follows as it is."""
    detection = TurnDetection(threshold=1.5, prefix_padding_ms=200, silence_duration_ms=700)
    await listening.listener.configure(PCM_16K, detection, language="en")
    await listening.listener.append(audio(500))
    stream = await listening.server.stream()
    await until(lambda: len(stream.audio) == 16_000)
    assert stream.audio == audio(500)
    assert (stream.start["rate_hz"], stream.start["language"], stream.start["speaking"]) == (16_000, "en", False)
    knobs = stream.start["turn_detection"]
    assert (knobs["threshold"], knobs["prefix_padding_ms"], knobs["silence_duration_ms"]) == (1.0, 200, 700)
    assert stream.start["max_turn_s"] == pytest.approx(59.8)


async def test_a_turn_is_cut_out(listening: Listening) -> None:
    """What the stage finds to be a turn is told and can be taken, to the sample; the audio behind it stays."""
    await listening.begin(TurnDetection(), audio(3_000))
    stream = await listening.server.stream()
    await stream.say("speech_started", start_ms=500, utterance=0)
    await stream.say("speech_stopped", end_ms=2_000, utterance=0)
    await until(lambda: listening.taken)
    assert listening.heard == [SpeechStarted(500), SpeechStopped(2_000)]
    assert samples(listening.taken[0]) == audio(1_500, 500)
    await stream.say("speech_started", start_ms=2_500, utterance=0)
    await until(lambda: len(listening.heard) == 3)
    await listening.listener.append(audio(500, 3_000))
    assert listening.listener.buffered_ms == 1_000
    assert samples(listening.listener.take()) == audio(1_000, 2_500)


async def test_a_turn_waits_to_be_taken(listening: Listening) -> None:
    """A turn that is over can be taken later, once, and `buffered_ms` is its length."""
    listening.takes = False
    await listening.begin(TurnDetection(), audio(2_000))
    stream = await listening.server.stream()
    await stream.say("speech_started", start_ms=0, utterance=0)
    await stream.say("speech_stopped", end_ms=1_500, utterance=0)
    await until(lambda: len(listening.heard) == 2)
    assert listening.listener.buffered_ms == 1_500
    assert samples(listening.listener.take()) == audio(1_500)
    assert listening.listener.take() is None


async def test_words_only_grow(listening: Listening) -> None:
    """Each partial begins with the one before; what has no new words is not told."""
    await listening.begin(None, audio(500))
    stream = await listening.server.stream()
    for text in ("who", "who made", "who", "you made", "you made the"):
        await stream.say("partial", text=text, utterance=0)
    await until(lambda: len(listening.heard) == 3)
    assert listening.heard == [Partial("who"), Partial("who made"), Partial("who made the")]


async def test_push_to_talk(listening: Listening) -> None:
    """All audio since the last commit is the utterance, and the stage learns in its place that it was committed."""
    await listening.begin(None, audio(1_000))
    stream = await listening.server.stream()
    await until(lambda: len(stream.audio) == 32_000)
    assert samples(listening.listener.take()) == audio(1_000)
    assert listening.listener.take() is None
    await listening.listener.append(audio(500, 1_000))
    await until(lambda: len(stream.audio) == 48_000)
    assert stream.controls[0] == (32_000, {"type": "commit"})
    assert samples(listening.listener.take()) == audio(500, 1_000)


async def test_push_to_talk_is_not_listened_to_while_it_is_crowded(make: Callable[..., Listening]) -> None:
    """Its partial words can be spared; what was said is all there, and is listened to when there is room again."""
    crowded = [True]
    listening = make(crowded=lambda: crowded[0])
    await listening.begin(None, audio(100))
    assert listening.server.streams == []
    crowded[0] = False
    await listening.listener.append(audio(100, 100))
    stream = await listening.server.stream()
    await until(lambda: bytes(stream.audio) == audio(200))
    assert samples(listening.listener.take()) == audio(200)


async def test_turns_are_found_however_crowded_it_is(make: Callable[..., Listening]) -> None:
    """Nobody else would notice that somebody has spoken."""
    listening = make(crowded=lambda: True)
    await listening.begin(TurnDetection(), audio(100))
    await listening.server.stream()


async def test_words_of_a_committed_utterance_come_too_late(listening: Listening) -> None:
    """What the stage said before it knew of a commit is not told of the next utterance."""
    await listening.begin(None, audio(1_000))
    stream = await listening.server.stream()
    listening.listener.take()
    await stream.say("partial", text="who made", utterance=0)
    await stream.say("partial", text="and then", utterance=1)
    await until(lambda: listening.heard)
    assert listening.heard == [Partial("and then")]


async def test_clearing_forgets(listening: Listening) -> None:
    """After a clear there is nothing to take, no turn goes on, and later turns are where they belong."""
    await listening.begin(TurnDetection(), audio(1_000))
    stream = await listening.server.stream()
    await stream.say("speech_started", start_ms=100, utterance=0)
    await until(lambda: listening.heard)
    await listening.listener.clear()
    assert (listening.listener.buffered_ms, listening.listener.take()) == (0, None)
    await listening.listener.append(audio(1_000, 1_000))
    await stream.say("speech_stopped", end_ms=900, utterance=0)
    await until(lambda: len(stream.audio) == 64_000)
    ended = len(stream.controls)
    await stream.say("speech_started", start_ms=1_200, utterance=ended)
    await until(lambda: len(listening.heard) == 2)
    assert listening.heard[1] == SpeechStarted(1_200)
    assert samples(listening.listener.take()) == audio(800, 1_200)


async def test_audio_that_was_committed_before_it_was_sent(listening: Listening) -> None:
    """A burst that is committed at once is whole, and times of later turns count it although nobody listened to it."""
    await listening.begin(None, audio(3_000))
    assert samples(listening.listener.take()) == audio(3_000)
    await listening.listener.configure(PCM_16K, TurnDetection())
    await listening.listener.append(audio(1_000, 3_000))
    stream = await listening.server.stream()
    await until(lambda: bytes(stream.audio).endswith(audio(1_000, 3_000)))
    before_ms = len(stream.audio) // 32 - 1_000
    ended = sum(message["type"] == "commit" for _, message in stream.controls)
    await stream.say("speech_started", start_ms=before_ms + 200, utterance=ended)
    await until(lambda: listening.heard)
    assert listening.heard == [SpeechStarted(3_200)]
    assert samples(listening.listener.take()) == audio(800, 3_200)


async def test_silence_is_not_kept(listening: Listening) -> None:
    """With turn detection, what can belong to no turn is dropped, and a commit in silence commits nothing."""
    await listening.begin(TurnDetection(), audio(10_000))
    stream = await listening.server.stream()
    await until(lambda: len(stream.audio) == 320_000)
    await stream.say("silence", until_ms=9_700, utterance=0)
    await until(lambda: listening.listener._audio.first == 9_700 * 16)
    assert (listening.listener.buffered_ms, listening.listener.take()) == (0, None)


async def test_what_was_not_listened_to_yet_can_be_committed(listening: Listening) -> None:
    """With turn detection, audio that the stage has not come to is committed when the client says so."""
    await listening.begin(TurnDetection(), audio(3_000))
    assert samples(listening.listener.take()) == audio(3_000)


async def test_push_to_talk_keeps_the_newest(make: Callable[..., Listening]) -> None:
    """A client that streams without ever committing costs no more than the longest question."""
    listening = make(max_audio_s=1)
    await listening.begin(None, *(audio(100, first) for first in range(0, 5_000, 100)))
    assert samples(listening.listener.take()) == audio(1_000, 4_000)


async def test_a_dead_replica_is_replaced(listening: Listening) -> None:
    """When the stream breaks in a turn, another gets the turn from its beginning; nothing is told twice or lost."""
    await listening.begin(TurnDetection(), audio(1_000))
    first = await listening.server.stream()
    await first.say("speech_started", start_ms=400, utterance=0)
    await first.say("partial", text="who made", utterance=0)
    await until(lambda: len(listening.heard) == 2)
    first.die()
    second = await listening.server.stream(1)
    assert second.start["speaking"] is True
    await listening.listener.append(audio(1_000, 1_000))
    await until(lambda: len(second.audio) == 1_600 * 32)
    assert second.audio == audio(1_600, 400)
    await second.say("partial", text="you", utterance=0)
    await second.say("partial", text="you made the wave", utterance=0)
    await second.say("speech_stopped", end_ms=1_500, utterance=0)
    await until(lambda: listening.taken)
    assert listening.heard[2:] == [Partial("who made the wave"), SpeechStopped(1_900)]
    assert samples(listening.taken[0]) == audio(1_500, 400)


async def test_push_to_talk_without_a_stage(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the stage cannot be reached, push-to-talk goes on without partials; it is tried again after a rest."""
    monkeypatch.setattr(ear_module, "_REST_S", 0.0)
    listening.server.refuse = 500
    await listening.begin(None, audio(500))
    await until(lambda: listening.listener._ear.failure)
    listening.server.refuse = None
    await listening.listener.append(audio(500, 500))
    stream = await listening.server.stream()
    await until(lambda: stream.audio == audio(1_000))
    assert samples(listening.listener.take()) == audio(1_000)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "turn_detection_unavailable"),
        (403, "turn_detection_unavailable"),
        (500, "asr_unavailable"),
        (503, "asr_overloaded"),
    ],
)
async def test_turns_cannot_be_found(listening: Listening, status: int, code: str) -> None:
    """With turn detection there is a reason why no turn will be found, and the audio can be committed by hand; in
    push-to-talk nothing is missing."""
    listening.server.refuse = status
    await listening.begin(TurnDetection(), audio(500))
    await until(lambda: not listening.listener._ear.open)
    await listening.listener.append(audio(500, 500))
    assert listening.listener.failure.code == code
    await listening.listener.configure(PCM_16K, None)
    assert listening.listener.failure is None
    await listening.listener.append(audio(500, 1_000))
    assert samples(listening.listener.take()) == audio(1_500)


async def test_an_outage_lasts_until_somebody_listens_again(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason stays while each further attempt fails, and goes with the first word of a stage that is there."""
    monkeypatch.setattr(ear_module, "_REST_S", 0.0)
    listening.server.refuse = 500
    await listening.begin(TurnDetection(), audio(500))
    for first in range(500, 1_500, 100):
        await until(lambda: not listening.listener._ear.open)
        assert listening.listener.failure.code == "asr_unavailable"
        await listening.listener.append(audio(100, first))
    await until(lambda: not listening.listener._ear.open)
    listening.server.refuse = None
    await listening.listener.append(audio(100, 1_500))
    stream = await listening.server.stream()
    await stream.say("silence", until_ms=100)
    await until(lambda: listening.listener.failure is None)


async def test_a_stage_that_is_full(listening: Listening) -> None:
    """`overloaded` on the stream is told as such."""
    listening.server.greeting = {"type": "error", "code": "overloaded", "message": "Full."}
    await listening.begin(TurnDetection(), audio(500))
    await until(lambda: listening.listener._ear.failure)
    assert listening.listener._ear.failure.code == "asr_overloaded"


async def test_a_stage_that_does_not_keep_up(make: Callable[..., Listening]) -> None:
    """A stage that says nothing of far too much audio is given up, and the audio here stays bounded."""
    listening = make(max_audio_s=1)
    await listening.begin(TurnDetection())

    async def say_too_much() -> None:
        for first in range(0, 30_000, 1_000):
            await listening.listener.append(audio(1_000, first))

    await say_too_much()
    assert listening.listener.failure.code == "asr_overloaded"
    assert listening.listener._audio.end - listening.listener._audio.first <= 16 * 16_000


async def test_the_stream_is_closed_when_idle(make: Callable[..., Listening]) -> None:
    """Without audio for a while the stream is closed, and the next audio opens another with what was not taken."""
    listening = make(idle_s=0.1)
    await listening.begin(None, audio(500))
    stream = await listening.server.stream()
    await until(lambda: stream.closed and not listening.listener._ear.open)
    await listening.listener.append(audio(500, 500))
    again = await listening.server.stream(1)
    await until(lambda: again.audio == audio(1_000))


async def test_leaving_closes_the_stream(listening: Listening) -> None:
    """Closing leaves no stream, no task and no audio behind."""
    await listening.begin(None, audio(500))
    stream = await listening.server.stream()
    await listening.listener.close()
    await until(lambda: stream.closed)
    assert not listening.listener._ear.open
    assert listening.listener.buffered_ms == 0


async def test_the_settings_can_change(listening: Listening) -> None:
    """Another detection is told to the stream that is open, in its place; the same one is not told again."""
    await listening.begin(TurnDetection(), audio(500))
    stream = await listening.server.stream()
    await listening.listener.configure(PCM_16K, TurnDetection())
    await listening.listener.configure(PCM_16K, TurnDetection(type="semantic_vad", eagerness="low"), language="de")
    await until(lambda: stream.controls)
    ((at, message),) = stream.controls
    assert at == 16_000
    assert message["turn_detection"]["eagerness"] == "low"
    assert message["language"] == "de"


async def test_another_format_begins_anew(listening: Listening) -> None:
    """After a change of format, times go on where they were, and the stage hears the new rate on a new stream."""
    await listening.begin(TurnDetection(), audio(1_000))
    await listening.server.stream()
    await listening.listener.configure(InputFormat("audio/pcm", 24_000), TurnDetection())
    await listening.listener.append(bytes(48_000))
    stream = await listening.server.stream(1)
    assert stream.start["rate_hz"] == 24_000
    await stream.say("speech_started", start_ms=500, utterance=0)
    await until(lambda: listening.heard)
    assert listening.heard == [SpeechStarted(1_500)]


async def test_what_fails_in_hearing_does_not_end_it(make: Callable[..., Listening]) -> None:
    """An error of ours in the callback is logged, and the next words are heard."""
    listening = make()
    inner = listening.listener._hear

    async def failing(heard: Heard) -> None:
        await inner(heard)
        raise StageUnavailable("redis", "Gone.")

    listening.listener._hear = failing
    await listening.begin(None, audio(500))
    stream = await listening.server.stream()
    await stream.say("partial", text="who", utterance=0)
    await stream.say("partial", text="who made", utterance=0)
    await until(lambda: len(listening.heard) == 2)
