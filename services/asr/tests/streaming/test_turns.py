"""Turns, found in made-up probabilities. A window has 32 ms."""

from viva_asr.streaming.ending import Ending
from viva_asr.streaming.frames import TurnDetection
from viva_asr.streaming.turns import WINDOW_MS, Started, Stopped, TurnDetector

SPEECH, SILENCE = 0.9, 0.05


def detector(max_turn_s: float = 60, speaking: bool = False, **knobs: object) -> TurnDetector:
    return TurnDetector(TurnDetection(**knobs), max_turn_s=max_turn_s, speaking=speaking)


def windows(ms: float) -> int:
    return round(ms / WINDOW_MS)


def levels(*runs: tuple[float, float]) -> list[float]:
    """Probabilities for runs of (level, milliseconds)."""
    return [level for level, ms in runs for _ in range(windows(ms))]


def test_speech_and_silence_make_a_turn() -> None:
    """A turn begins with the padding before its first speech, and ends with the silence asked for."""
    found = detector().feed(levels((SILENCE, 960), (SPEECH, 960), (SILENCE, 960)))
    (started, stopped) = found
    assert started == Started(960 - 300)
    assert isinstance(stopped, Stopped)
    assert 1920 + 500 <= stopped.end_ms <= 1920 + 500 + WINDOW_MS


def test_the_threshold_decides_what_is_speech() -> None:
    """Faint speech begins a turn only below its probability."""
    faint = levels((0.4, 320))
    assert detector(threshold=0.5).feed(faint) == []
    assert detector(threshold=0.3).feed(faint) == [Started(0)]


def test_padding_ends_at_the_turn_before() -> None:
    """No sample belongs to two turns, and none lies before the stream."""
    found = detector(prefix_padding_ms=2_000, silence_duration_ms=200).feed(
        levels((SPEECH, 320), (SILENCE, 320), (SPEECH, 320))
    )
    first, stopped, second = found
    assert first == Started(0)
    assert second == Started(stopped.end_ms)


def test_silence_has_to_be_as_long_as_asked_for() -> None:
    """A shorter pause is part of the turn."""
    speech = levels((SPEECH, 320), (SILENCE, 640), (SPEECH, 320), (SILENCE, 640))
    assert len(detector(silence_duration_ms=600).feed(speech)) == 4
    assert len(detector(silence_duration_ms=700).feed(speech)) == 1


def test_a_click_is_no_turn() -> None:
    """One loud window begins nothing."""
    assert detector().feed([*levels((SILENCE, 320)), SPEECH, *levels((SILENCE, 320))]) == []


def test_a_wavering_voice_is_no_silence() -> None:
    """Within a turn a window counts as silent only when it is clearly less probable than what begins one."""
    assert len(detector().feed(levels((SPEECH, 320), (0.4, 3_200)))) == 1


def test_a_turn_without_an_end_is_ended() -> None:
    """Noise that sounds like speech cannot hold a turn open for ever."""
    found = detector(max_turn_s=2).feed(levels((SPEECH, 3_000)))
    assert [type(turn) for turn in found] == [Started, Stopped, Started]
    assert found[1].end_ms <= 2_000 + WINDOW_MS


def test_a_turn_can_go_on_from_another_stream() -> None:
    """A stream that begins within a turn tells its end alone."""
    (stopped,) = detector(speaking=True).feed(levels((SPEECH, 320), (SILENCE, 640)))
    assert isinstance(stopped, Stopped)


def test_forgetting_begins_anew() -> None:
    """After a commit the turn is nobody's, and the next does not reach back over it."""
    turns = detector(prefix_padding_ms=1_000)
    turns.feed(levels((SPEECH, 640)))
    turns.forget()
    assert not turns.speaking
    assert turns.feed(levels((SPEECH, 320))) == [Started(640)]


def test_silence_is_told_up_to_where_a_turn_may_begin() -> None:
    """What lies before the padding of a turn that could begin now is needed no more."""
    turns = detector(prefix_padding_ms=320)
    turns.feed([*levels((SILENCE, 960)), SPEECH])
    assert turns.silent_until_ms == 960 - 320
    turns.feed([SPEECH])
    assert turns.silent_until_ms == 0


def silence_ms(ending: Ending | None, eagerness: str = "auto") -> int:
    """How long a silence ends a turn of semantic_vad whose words end so; None: nobody says how they end."""
    turns = detector(type="semantic_vad", eagerness=eagerness)
    turns.feed(levels((SPEECH, 640)))
    if ending is not None:
        turns.judge(ending, windows(640))
    waited = 0
    while not turns.feed([SILENCE]):
        waited += WINDOW_MS
    return waited + WINDOW_MS


def test_an_unfinished_sentence_is_waited_for() -> None:
    """semantic_vad waits least for a finished sentence, longer when nobody knows, longest for an unfinished one."""
    assert silence_ms(Ending.FINISHED) < silence_ms(Ending.UNCLEAR) < silence_ms(Ending.UNFINISHED)
    assert silence_ms(None) == silence_ms(Ending.UNCLEAR)


def test_eagerness_bounds_the_wait() -> None:
    """The longest waits are those of OpenAI: 2, 4 and 8 seconds; `auto` is `medium`."""
    waits = [silence_ms(Ending.UNFINISHED, eagerness) for eagerness in ("high", "medium", "low", "auto")]
    assert [round(wait / 1000) for wait in waits] == [2, 4, 8, 4]
    for ending in Ending:
        assert silence_ms(ending, "high") < silence_ms(ending, "medium") < silence_ms(ending, "low")


def test_what_was_judged_too_early_does_not_count() -> None:
    """An ending that was judged before more was said says nothing about now."""
    turns = detector(type="semantic_vad")
    turns.feed(levels((SPEECH, 640)))
    turns.judge(Ending.FINISHED, windows(320))
    assert turns.feed(levels((SILENCE, 900))) == []
