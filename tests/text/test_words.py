"""Words of speech and of typing in one form."""

import pytest

from viva.text.words import words_of


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("1947", "nineteen forty seven"),
        ("1906", "nineteen oh six"),
        ("1900", "nineteen hundred"),
        ("2005", "two thousand five"),
        ("the 16th", "the sixteenth"),
        ("the 22nd", "the twenty second"),
        ("150%", "one hundred fifty percent"),
        ("1,000,000", "one million"),
        ("Moore’s café", "moore cafe"),
        ("N-type", "n type"),
    ],
)
def test_what_is_written_becomes_what_is_said(written, spoken):
    """Digits, signs, accents and possessives are put as a recogniser without them would."""
    assert words_of(written) == spoken.split()


def test_huge_numbers_are_read_digit_by_digit():
    """A number of a hundred digits is an identifier, and must not take long."""
    assert words_of("7" * 100) == ["seven"] * 100
