"""Cutting a whole text into deltas."""

import pytest

from viva_llm.chat import Chat, Message, Sampling
from viva_llm.engines.pieces import deltas_of

TEXT = "One two,\n three [1].  Four "


def cut(text: str = TEXT, words_each: int = 1, **sampling) -> list:
    """The deltas for a chat with this sampling."""
    return list(deltas_of(text, Chat((Message("user", "a b c"),), Sampling(**sampling)), words_each=words_each))


@pytest.mark.parametrize("words_each", [1, 2, 6, 100])
@pytest.mark.parametrize("text", [TEXT, "x", " x", "a\n\nb\n"])
def test_nothing_is_lost(text, words_each):
    """The deltas together are the text, spaces included."""
    assert "".join(delta.text for delta in cut(text, words_each)) == text


def test_limit_counts_words():
    """A limit of two leaves two words and the reason `length`; a limit of all of them is no cut."""
    assert [d.text for d in cut(max_tokens=2)][:2] == ["One", " two,"]
    assert cut(max_tokens=2)[-2].finish_reason == "length"
    assert cut("a b", max_tokens=2)[-2].finish_reason == "stop"


def test_first_stop_sequence_wins():
    """Of several stop sequences the one that comes first in the text ends it."""
    assert "".join(d.text for d in cut(stop=("Four", ",\n"))) == "One two"


def test_counts_are_words():
    """The usage counts words of the prompt and of what was given out."""
    usage = cut(max_tokens=2)[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 2)
