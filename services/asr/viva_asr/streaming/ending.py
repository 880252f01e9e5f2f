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


# Words after which more has to come. "thee" is how recognisers write a "the" that somebody dwells on.
_ARTICLES = {"a", "an", "the", "thee", "my", "your", "its", "our", "their", "every"}
_CONJUNCTIONS = {"and", "or", "but", "nor", "because", "although", "unless", "until", "while", "whereas", "if", "than"}
_FILLERS = {"um", "umm", "uh", "uhm", "er", "erm", "hm", "hmm", "mm", "ah"}
_NEVER_LAST = _ARTICLES | _CONJUNCTIONS | _FILLERS
# The same, unless they end a question: "What is it made of?", "What was it like?", "Since when?"
_PREPOSITIONS = {
    "of", "to", "in", "on", "at", "by", "for", "from", "with", "without", "about", "into", "onto", "between",
    "through", "during", "against", "among", "toward", "towards", "under", "over",
}  # fmt: skip
_LAST_IN_QUESTIONS = _PREPOSITIONS | {"as", "like", "so", "when", "which", "whose", "his"}

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
    never_last = _NEVER_LAST if asks else _NEVER_LAST | _LAST_IN_QUESTIONS
    if language in (None, "en") and words[-1] in never_last:
        return Ending.UNFINISHED
    if text.endswith(_TRAILING_OFF):
        return Ending.UNFINISHED
    if asks or text.endswith((".", "!", "。", "！", "।", "؟", "።")):
        return Ending.FINISHED
    return Ending.UNCLEAR
