"""Whether a sentence sounds finished."""

import pytest

from viva_asr.streaming.ending import Ending, ending_of


@pytest.mark.parametrize(
    "text",
    [
        "Who made the first integrated circuit?",
        "Tell me about the transistor.",
        "What is it made of?",
        "Who was it sold to?",
        "What was it like?",
        "And what year was that?",
        "Tell me more about that.",
        'He called it "a miracle."',
        "Stop!",
    ],
)
def test_finished(text: str) -> None:
    """A full stop or another last sign ends a sentence, and a question may end with a preposition."""
    assert ending_of(text) is Ending.FINISHED


@pytest.mark.parametrize(
    "text",
    [
        "I would like to know what the.",  # recognisers put a full stop wherever the sound ends
        "How many people came to thee?",
        "The transistor and?",
        "It was like.",
        "Tell me about",
        "Tell me about.",
        "Well, um",
        "Because of my",
        "First,",
        "It is called…",
        "I was thinking -",
    ],
)
def test_unfinished(text: str) -> None:
    """Nobody ends on an article, a conjunction, a preposition, a filler or a comma, whatever sign is put behind it."""
    assert ending_of(text) is Ending.UNFINISHED


@pytest.mark.parametrize("text", ["", "  ", "...", "the students read the third chapter"])
def test_unclear(text: str) -> None:
    """No words, or words without any sign, as recognisers without punctuation give them, say nothing."""
    assert ending_of(text) is Ending.UNCLEAR


def test_words_are_judged_in_their_language() -> None:
    """The lists are English: in another language only the signs count."""
    assert ending_of("Ich meine die Stadt an.", "de") is Ending.FINISHED
    assert ending_of("Wir reden über", "de") is Ending.UNCLEAR
    assert ending_of("We talk about", "en") is Ending.UNFINISHED
