"""speakable: words are kept, everything else is not read aloud."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva.text.speakable import speakable

MARKDOWN = [
    ("# Technical debt\nIt is a cost.", "Technical debt. It is a cost."),
    ("It is **very** _costly_ and ~~cheap~~ `rework`.", "It is very costly and cheap rework."),
    ("Causes:\n\n- haste\n- neglect\n* fear", "Causes: haste. neglect. fear"),
    ("1. Plan\n2. Build", "Plan. Build"),
    ("- [x] tested\n- [ ] shipped", "tested. shipped"),
    ("> It was germanium.", "It was germanium."),
    ("| Year | Device |\n|---|:---:|\n| 1947 | transistor |", "Year, Device. 1947, transistor"),
    ("Run this:\n```python\nimport os\n```\nThen stop.", "Run this: Then stop."),
    ("First\n\n---\n\nsecond", "First. second"),
    ("A<br>b <b>bold</b> &amp; <i>it</i>", "A b bold & it"),
    ("<script>\nevil()\n</script>\n\nGood.", "Good."),
    ("<div>\nInside\n</div>", "Inside"),
    (r"2 \* 3 and 4 * 5", "2 times 3 and 4 times 5"),
]

LINKS = [
    ("See [the paper](https://example.com/a_b).", "See the paper."),
    ("See https://example.com/a?b=c, please.", "See, please."),
    ("It is at <https://example.com>.", "It is at."),
    ("![a diode](diode.png) glows", "a diode glows"),
    ("As [Shockley][1] said.\n\n[1]: https://example.com", "As Shockley said."),
    ("As he said [1].\n\n[1]: https://example.com", "As he said."),
    ("A source [1](https://example.com) says so.", "A source says so."),
    ("Visit www.example.com (https://example.com).", "Visit."),
]

MARKS = [
    ("It used germanium [12].", "It used germanium."),
    ("It used germanium[3][4], then silicon [3, 4].", "It used germanium, then silicon."),
    ("Interest [02:10-02:18] grows [1:02:10].", "Interest grows."),
    ("A range [02:10–02:18, 03:00-03:10] of times.", "A range of times."),
    ("Full width 【7】 marks.", "Full width marks."),
    ("The [sic] stays.", "The [sic] stays."),
]

CHARACTERS = [
    ("Great 🎉👍🏽 work 👨‍👩‍👧 in 🇫🇷 1️⃣", "Great work in"),
    ("a\x00b\x07c\u200bd\ufeff", "a b cd"),
    ("lone \ud800 surrogate \udfff", "lone surrogate"),
    ("private \ue000 and \uffff unassigned", "private and unassigned"),
    ("tab\tnew\r\nline\u00a0 wide\u2003space\u2028end", "tab new line wide space end"),
    ("At 5 °C ± 1, x ≤ 3 → done ✓", "At 5 °C ± 1, x ≤ 3 done"),
]

CLAUSES = [
    ("**Technical debt", "Technical debt"),
    ("is costly** and", "is costly and"),
    ("[the paper](https://exa", "the paper"),
    ("`git commit", "git commit"),
    ("1947. That was the year.", "1947. That was the year."),
    ("In short,", "In short"),
    ("    four spaces in front", "four spaces in front"),
    ("| 1947 | transistor |", "1947, transistor"),
    ("the snake_case name", "the snake case name"),
    ("a pause -- or — two", "a pause, or, two"),
    ("-5 degrees and .5 percent", "-5 degrees and .5 percent"),
    ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
]


@pytest.mark.parametrize(("text", "spoken"), MARKDOWN)
def test_markdown_is_not_read(text, spoken):
    """Markdown leaves its words, and its blocks become sentences."""
    assert speakable(text) == spoken


@pytest.mark.parametrize(("text", "spoken"), LINKS)
def test_links_leave_their_text(text, spoken):
    """Link texts are kept; addresses are never read."""
    assert speakable(text) == spoken


@pytest.mark.parametrize(("text", "spoken"), MARKS)
def test_marks_are_not_read(text, spoken):
    """Citation marks and timestamps in brackets go with the space before them; other brackets stay."""
    assert speakable(text) == spoken


@pytest.mark.parametrize(("text", "spoken"), CHARACTERS)
def test_characters_without_a_sound_go(text, spoken):
    """Emoji, control characters, lone surrogates and odd white space do not reach a voice."""
    assert speakable(text) == spoken


@pytest.mark.parametrize(("text", "spoken"), CLAUSES)
def test_a_clause_is_enough(text, spoken):
    """A clause cut from the middle of a text is cleaned as well as a whole text."""
    assert speakable(text) == spoken


@pytest.mark.parametrize(
    "text", ["", "   \n", "...", "[12]", "🎉", "```\ncode\n```", "https://example.com", "—", "***"]
)
def test_nothing_to_say_is_empty(text):
    """Text without a word gives the empty string."""
    assert speakable(text) == ""


@pytest.mark.parametrize(
    "text", ["[" * 4096, "*a " * 1365, "`" * 4096, "> " * 2048, "<!--" * 1024, "|" * 4096, "![](" * 1024]
)
def test_hostile_markup_is_only_text(text):
    """Markup made to hurt a parser comes back as little or nothing, without an error."""
    assert len(speakable(text)) <= len(text)


@given(st.text())
def test_any_text_becomes_one_clean_line(text):
    """Whatever comes in, one line without control characters comes out that can be written as UTF-8."""
    spoken = speakable(text)
    spoken.encode()
    assert spoken.isprintable()
    assert spoken == " ".join(spoken.split())
    assert not spoken or any(map(str.isalnum, spoken))


@given(st.lists(st.text(string.ascii_letters, min_size=1, max_size=9), min_size=1, max_size=12))
def test_plain_words_come_back(words):
    """Words without markup are spoken as they are."""
    assert speakable(" ".join(words)) == " ".join(words)
