"""Comparing a transcript with what was said, however either of them spells it."""

import pytest

from benchmarks.spoken_words import spoken_words, word_errors


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("In 1947.", "in nineteen forty seven"),
        ("on the 16th", "on the sixteenth"),
        ("for $50", "for fifty dollars"),
        ("2,300 transistors", "two thousand three hundred transistors"),
    ],
)
def test_numbers_are_spelled_out(written: str, said: str):
    """Figures become the words that a voice says for them."""
    assert spoken_words(written) == said


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("It was the 16th of December, 1947.", "it was the sixteenth of december nineteen forty-seven"),
        ("It's fifteen percent.", "It's 15%"),
        ("Moore's law", "moore's law"),
        ("It\u2019s 1958, isn't it?", "it's nineteen fifty eight isn't it"),
    ],
)
def test_spelling_is_not_an_error(said: str, heard: str):
    """Case, punctuation, hyphens, apostrophes and figures make no difference."""
    assert word_errors(said, heard).wer == 0


def test_errors_are_counted():
    """One word wrong, one missing and one invented, of nine, is a rate of one third."""
    errors = word_errors("a slab of germanium lay there on that day", "a slab of jermaine there on that very day")

    assert (errors.substitutions, errors.deletions, errors.insertions) == (1, 1, 1)
    assert errors.wer == pytest.approx(1 / 3)


def test_silence_is_all_missing():
    """An engine that hears nothing misses every word."""
    errors = word_errors("Good morning.", "")

    assert errors.wer == 1
    assert errors.deletions == 2


def test_line_breaks_do_not_count():
    """A lecture of many lines is compared with a transcript of one."""
    assert word_errors("Good morning.\n\nThis is it.\n", "good morning this is it").wer == 0
