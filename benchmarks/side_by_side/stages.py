"""The three stages as all compared systems find them: what they say, and when. All times in seconds.

What each takes for the whole of its work is given, by the system that is to be replaced. Within that the pace is
chosen: the answer's first token and the speech's first byte come as soon as from a small language model on a GPU and a
light voice, and the rest at the even pace that fills the time.
"""

from dataclasses import dataclass
from functools import cached_property

from viva.text import SentenceSplitter

ASR_S = 1.80
ANSWER_S = 4.63
SPEECH_S = 1.78
FIRST_TOKEN_S = 0.05
FIRST_BYTE_S = 0.05
ONE_AFTER_THE_OTHER_S = ASR_S + ANSWER_S + SPEECH_S

QUESTION = "What were the contacts made of?"
FIRST = "In the first transistor, the contacts were made of gold foil. "
# Short words: a word is a token here, and a token is four letters.
MORE = (
    "A thin slip of foil was cut at its tip and set on a bit of it with a coil so that the two ends lay side by side "
    "on top and a weak flow in at one end of it was able to rule a far more big one out of the end of its twin. "
)

RATE_HZ = 24_000
"""Of the speech, which is 16-bit mono."""
CHARACTERS_PER_S = 15.0
"""How fast the voice speaks."""


@dataclass(frozen=True)
class Pace:
    """When each part of an answer comes that has so many long sentences after its short first one."""

    sentences: int

    @cached_property
    def answer(self) -> str:
        """The whole of it."""
        return (FIRST + MORE * self.sentences).strip()

    @cached_property
    def tokens(self) -> list[str]:
        """The answer as it is written: each but the first begins with the space before it."""
        first, *others = self.answer.split(" ")
        return [first, *(f" {word}" for word in others)]

    @property
    def token_gap_s(self) -> float:
        """From one token to the next."""
        return (ANSWER_S - FIRST_TOKEN_S) / (len(self.tokens) - 1)

    @property
    def speech_speed(self) -> float:
        """Seconds of speech that are made in a second, once the first byte is there."""
        return spoken_s(self.answer) / (SPEECH_S - FIRST_BYTE_S)

    def critical_path_s(self, *, whole_sentence: bool = False) -> float:
        """From the end of the question to the first byte of speech if nothing but the stages took any time.

        The voice begins with the first clause as Viva cuts it, or with the first whole sentence.
        """
        splitter = SentenceSplitter(first_clause=not whole_sentence)
        written = next(number for number, token in enumerate(self.tokens) if splitter.feed(token))
        return ASR_S + FIRST_TOKEN_S + written * self.token_gap_s + FIRST_BYTE_S


def spoken_s(text: str) -> float:
    """How long it takes to listen to a text."""
    return len(text) / CHARACTERS_PER_S
