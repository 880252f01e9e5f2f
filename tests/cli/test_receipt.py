"""The waterfall of a turn's receipt."""

import pytest

from viva.cli.receipt import Row, bar, milliseconds, rows, waterfall
from viva.events import Receipt

SPOKEN = Receipt(
    asr_ms=300,
    recall_ms=4,
    llm_first_token_ms=310,
    first_sentence_ms=330,
    tts_first_audio_ms=60,
    first_audio_ms=395,
    total_ms=500,
)


def test_the_stages_follow_each_other_as_they_ran():
    """Recall runs beside the transcription, the model after both, speech ends at the first audio."""
    assert rows(SPOKEN) == [
        Row("transcribe", 0, 300),
        Row("recall", 0, 4),
        Row("first token", 300, 310),
        Row("first clause", 310, 330),
        Row("speak", 335, 395),
        Row("whole turn", 0, 500),
    ]


def test_stages_that_did_not_run_have_no_row():
    """A typed question that got only text has neither transcription nor speech."""
    labels = [row.label for row in rows(Receipt(recall_ms=2, llm_first_token_ms=9, first_sentence_ms=9, total_ms=12))]
    assert labels == ["recall", "first token", "first clause", "whole turn"]


def test_bars_begin_where_the_stage_begins_and_fill_the_line():
    """A stage's bar starts at its share of the line, and the whole turn's is the whole line."""
    assert bar(Row("a", 50, 100), 100, 10) == "     █████"
    assert bar(Row("a", 0, 100), 100, 10) == "█" * 10


@pytest.mark.parametrize("row", [Row("a", 0, 0), Row("a", 100, 100), Row("a", 0, 0.01)])
def test_what_took_no_time_is_still_seen(row):
    """Even a stage of no length shows a mark, inside the line."""
    drawn = bar(row, 100, 10)
    assert drawn.strip()
    assert len(drawn) <= 10


def test_a_receipt_of_nothing_can_be_drawn():
    """A turn that took no measurable time does not divide by zero."""
    assert waterfall(Receipt()) == [("whole turn", "▏", "0.0 ms")]


def test_times_have_a_fitting_unit():
    """Small times keep a decimal, long ones are in seconds."""
    assert [milliseconds(value) for value in (0.42, 38.4, 1240)] == ["0.4 ms", "38 ms", "1.24 s"]
