"""What the thread that listens and the loop share."""

import pytest

from viva_asr.segmenter import Cutting
from viva_asr.streaming.ending import Ending
from viva_asr.streaming.frames import TurnDetection
from viva_asr.streaming.sound import Sound
from viva_asr.streaming.turns import TurnDetector
from viva_asr.vad import VadModel

BLOCK = bytes(3_200)


def test_a_judgement_that_comes_while_one_is_taken_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop judges while a thread hands the last judgement on: neither is lost."""
    sound = Sound(VadModel(), 16_000, Cutting(), TurnDetection(), max_turn_s=60)
    taken: list[Ending] = []

    def take(_turns: TurnDetector, ending: Ending, _heard_to: int) -> None:
        taken.append(ending)
        if len(taken) == 1:
            sound.judge(Ending.FINISHED, 0.0)

    monkeypatch.setattr(TurnDetector, "judge", take)
    sound.judge(Ending.UNFINISHED, 0.0)
    sound.feed(BLOCK)
    sound.feed(BLOCK)
    assert taken == [Ending.UNFINISHED, Ending.FINISHED]
