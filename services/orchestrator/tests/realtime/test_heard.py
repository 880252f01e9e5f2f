"""What of an answer was heard."""

import pytest

from viva_orchestrator.realtime.heard import Spoken, heard, said_so_far, spoken_ms

ANSWER = "It was Jack Kilby. (See the board.) He showed it in 1958."
CLAUSES = [Spoken("It was Jack Kilby.", 150), Spoken("He showed it in 1958.", 170)]


@pytest.mark.parametrize(
    ("end_ms", "words"),
    [
        (0, ""),
        (19, ""),
        (20, "It"),
        (149, "It was Jack"),
        (150, "It was Jack Kilby."),
        (151, "It was Jack Kilby."),
        (170, "It was Jack Kilby. (See the board.) He"),
        (319, "It was Jack Kilby. (See the board.) He showed it in"),
        (320, ANSWER),
        (9_999, ANSWER),
    ],
)
def test_words_count_once_their_last_letter_sounded(end_ms, words):
    """What is only written counts when the next clause begins to be understood, or playback went to the end."""
    assert heard(ANSWER, CLAUSES, end_ms) == words


def test_a_clause_without_length_is_heard_as_soon_as_it_comes():
    """A voice that made no sound of it must not swallow what comes behind."""
    assert heard("One. Two.", [Spoken("One.", 0), Spoken("Two.", 40)], 0) == "One."


def test_words_that_the_answer_does_not_have_are_passed_over():
    """A clause that was changed on its way to the voice still ends where its last known word does."""
    assert heard("It was made in 1958 by Kilby.", [Spoken("made in nineteen by", 100), Spoken("Kilby.", 10)], 100) == (
        "It was made in 1958 by"
    )


def test_repeated_words_are_told_apart():
    """The second "so" is the second one."""
    clauses = [Spoken("so it is,", 70), Spoken("and so on", 70)]
    assert heard("so it is, and so on", clauses, 70 + 50) == "so it is, and so"


def test_what_was_said_ends_with_the_last_clause():
    """What was written behind it was not sent as audio."""
    assert said_so_far(ANSWER, CLAUSES[:1]) == "It was Jack Kilby."
    assert said_so_far(ANSWER, []) == ""
    assert spoken_ms(CLAUSES) == 320
