"""What a connection hears: turns that the stage finds, push-to-talk, and what is kept of the audio."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from viva_orchestrator.realtime.listening import (
    Partial,
    SpeechStarted,
    SpeechStopped,
    TurnDetection,
)

from ..ear_server import until
from .conftest import PCM_16K, Listening, audio, samples


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
