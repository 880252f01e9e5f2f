"""Whether what was said so far sounds like the end of a sentence."""

import re
from enum import Enum


class Ending(Enum):
    """How a text ends."""

    FINISHED = "finished"
    """A sentence is complete."""
    UNCLEAR = "unclear"
    """Nothing says that it is complete, and nothing that it is not; or there is no text to judge."""
    UNFINISHED = "unfinished"
    """More has to come: nobody ends on such a word."""


_ARTICLES = {"a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "every"}
_CONJUNCTIONS = {
    "and", "or", "but", "nor", "because", "although", "though", "unless", "until", "while", "whereas", "if", "when",
    "than", "that", "which", "whose", "so", "as",
}  # fmt: skip
_FILLERS = {"um", "umm", "uh", "uhm", "er", "erm", "hm", "hmm", "mm", "ah", "well", "like"}
_PREPOSITIONS = {
    "of", "to", "in", "on", "at", "by", "for", "from", "with", "without", "about", "into", "onto", "between",
    "through", "during", "against", "among", "toward", "towards", "under", "over",
}  # fmt: skip
_NEVER_LAST = _ARTICLES | _CONJUNCTIONS | _FILLERS

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_TRAILING_OFF = ("...", "…", ",", ";", ":", "-", "–", "—")


def ending_of(text: str, language: str | None = None) -> Ending:
    """Judge by the last word and sign. Words are judged in English, or where the language is unknown.

    The word comes before the sign, since recognisers put a full stop wherever the sound ends. Questions may end with
    a preposition ("What is it made of?"), so there the question mark decides.
    """
    text = text.rstrip().rstrip("\"'”’»)")
    words = _WORD.findall(text.lower())
    if not words:
        return Ending.UNCLEAR
    asks = text.endswith(("?", "？"))
    if language in (None, "en") and (words[-1] in _NEVER_LAST or (words[-1] in _PREPOSITIONS and not asks)):
        return Ending.UNFINISHED
    if text.endswith(_TRAILING_OFF):
        return Ending.UNFINISHED
    if asks or text.endswith((".", "!", "。", "！", "।", "؟", "።")):
        return Ending.FINISHED
    return Ending.UNCLEAR
