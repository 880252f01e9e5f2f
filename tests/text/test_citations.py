"""CitationParser: marks come out as numbers, wherever the deltas cut them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva.text import CitationParser


def parse(deltas):
    parser = CitationParser()
    pieces = [piece for delta in deltas for piece in parser.feed(delta)] + parser.flush()
    return "".join(p for p in pieces if isinstance(p, str)), [p for p in pieces if isinstance(p, int)]


@pytest.mark.parametrize(
    ("answer", "text", "numbers"),
    [
        ("It used germanium [12].", "It used germanium.", [12]),
        ("Both [3][4] agree.", "Both agree.", [3, 4]),
        ("Both [3, 4] agree [6-8].", "Both agree.", [3, 4, 6, 7, 8]),
        ("An array a[i] and [sic] stay.", "An array a[i] and [sic] stay.", []),
        ("Unfinished [12", "Unfinished [12", []),
        ("Full width【7】.", "Full width.", [7]),
        ("A silly range [1-9000].", "A silly range.", [1, 9000]),
    ],
)
def test_marks_become_numbers(answer, text, numbers):
    """A mark leaves the text together with the space before it; other brackets stay."""
    assert parse([answer]) == (text, numbers)


@given(st.lists(st.sampled_from(["germanium", " ", "[", "]", "12", ",", ".", "[3]", " [4, 5]"]), max_size=20))
def test_the_cuts_between_deltas_do_not_matter(parts):
    """Character by character gives what one delta gives."""
    answer = "".join(parts)
    assert parse(list(answer)) == parse([answer])


def test_plain_text_is_not_held_back():
    """A delta that cannot be part of a mark is passed on at once."""
    assert CitationParser().feed("Technical debt is") == ["Technical debt is"]
