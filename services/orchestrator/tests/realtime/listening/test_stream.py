"""The stream to the asr stage: replicas that die, are full or too slow, when it is closed, and settings that change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from viva.errors import StageUnavailable
from viva_orchestrator.realtime import ear as ear_module
from viva_orchestrator.realtime.listening import (
    Heard,
    InputFormat,
    Partial,
    SpeechStarted,
    SpeechStopped,
    TurnDetection,
)

from ..ear_server import until
from .conftest import PCM_16K, Listening, audio, samples


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
