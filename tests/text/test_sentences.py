"""SentenceSplitter: a short first clause, whole sentences after it, nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva.text import SentenceSplitter, split_sentences


def pieces(deltas, **options):
    splitter = SentenceSplitter(**options)
    return [piece for delta in deltas for piece in splitter.feed(delta)] + splitter.flush()


def test_the_first_piece_may_end_at_a_comma():
    """The listener hears the first clause while the sentence is still being written."""
    answer = "In the first transistor, they used germanium, not silicon. Silicon came later, in 1954."
    assert pieces([answer]) == [
        "In the first transistor,",
        "they used germanium, not silicon.",
        "Silicon came later, in 1954.",
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Shockley disagreed with J. Bardeen in 1947. He left.", 2),
        ("It gained a factor of 3.5 at e.g. 1000 hertz. Then it broke down.", 2),
        ('He said "it works." Then they all went home.', 2),
        ("Is it true? Yes! It certainly is true…  So be it.", 3),
        ("a heading line\nanother line of it\n\na third line", 3),
    ],
)
def test_sentences_end_where_people_end_them(text, count):
    """Abbreviations and decimals end nothing; quotes, questions and line ends do."""
    assert len(split_sentences(text)) == count


def test_text_without_a_full_stop_is_cut_in_time():
    """A model that never ends its sentence does not hold the voice back."""
    spoken = pieces([" ".join(["word"] * 400)])
    assert len(spoken) > 4
    assert max(len(piece) for piece in spoken) <= 280


def test_a_very_short_sentence_joins_the_next():
    """ "No." in the middle of an answer is not spoken by itself."""
    assert split_sentences("They tried silicon first. No. They did not succeed.")[1] == "No. They did not succeed."


@given(st.text(alphabet="ab ,.!?\n\"'1", max_size=200))
def test_nothing_is_lost_and_cuts_do_not_matter(text):
    """Fed by character or at once, the words are the same and all are there."""
    by_character = pieces(list(text))
    assert "".join("".join(by_character).split()) == "".join(text.split())
    assert "".join("".join(pieces([text])).split()) == "".join(text.split())
