"""Answers of asr become segments of the recording, or an error of asr, whatever they are."""

from __future__ import annotations

from typing import Any

import pytest

from viva.errors import StageUnavailable
from viva.passages import Segment
from viva_orchestrator.lectures.recogniser import segments_of


def test_moves_segments_to_their_place() -> None:
    """Times count from the beginning of the recording, and stay inside the piece."""
    answer = {
        "segments": [
            {"start": 0.5, "end": 2, "text": " Hello. "},
            {"start": 2, "end": 2.5, "text": "  "},
            {"start": -1, "end": 99, "text": "there"},
        ]
    }
    assert segments_of(answer, 100.0, 10.0) == [
        Segment(100.5, 102.0, "Hello."),
        Segment(100.0, 110.0, "there"),
    ]


def test_takes_a_server_that_has_no_segments() -> None:
    """Plain text is one segment, no text is none."""
    assert segments_of({"text": "All of it"}, 5.0, 10.0) == [Segment(5.0, 15.0, "All of it")]
    assert segments_of({"text": ""}, 5.0, 10.0) == []
    assert segments_of({"text": "", "segments": []}, 5.0, 10.0) == []


_NO_TIME = {"start": "x", "end": 1, "text": ""}


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"segments": 1}, {"segments": [{}]}, {"segments": [_NO_TIME]}])
def test_nonsense_is_an_error_of_the_stage(answer: Any) -> None:
    """An answer that cannot be read is retryable, not a crash and not an empty transcript."""
    with pytest.raises(StageUnavailable):
        segments_of(answer, 0.0, 1.0)


def test_times_that_are_no_numbers_stay_inside() -> None:
    """NaN and infinity are placed inside the piece."""
    [segment] = segments_of({"segments": [{"start": "nan", "end": "inf", "text": "x"}]}, 10.0, 5.0)
    assert 10 <= segment.start <= segment.end <= 15
