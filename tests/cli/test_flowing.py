"""Wrapping an answer while it streams."""

from viva.cli.flowing import FlowingText


def flow(pieces: list[str], width: int, indent: int) -> str:
    written: list[str] = []
    text = FlowingText(written.append, width=width, indent=indent)
    for piece in pieces:
        text.feed(piece)
    text.flush()
    return "".join(written)


def test_words_cut_by_the_stream_are_put_together():
    """However the text is cut into pieces, the lines are the same."""
    text = "the quick brown fox jumps"
    assert flow([text], 14, 2) == flow(list(text), 14, 2) == "the quick\n  brown fox\n  jumps"


def test_a_word_longer_than_the_line_stands_alone():
    """Such a word is not cut and does not cause empty lines."""
    assert flow(["a incomprehensibilities b"], 10, 0) == "a\nincomprehensibilities\nb"


def test_control_characters_never_reach_the_terminal():
    """An answer cannot move the cursor or ring the bell."""
    assert flow(["a\x1b[2Jb\x07 c"], 40, 0) == "a[2Jb c"


def test_spaces_at_the_ends_are_dropped():
    """Leading and trailing white space of the answer is not printed."""
    assert flow(["  a \n\n b  "], 40, 0) == "a b"
