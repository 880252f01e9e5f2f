"""How rare the words of English are, and what their stems are; `words_of` brings them to one form."""

from functools import cache
from importlib.util import find_spec
from math import log10
from pathlib import Path

import Stemmer

from viva.text.words import words_of

__all__ = ["Vocabulary", "rarity", "words_of"]


def rarity(zipf: float) -> float:
    """How much a word tells, by its frequency: 0.2 for the commonest, 1 for an ordinary noun and all rarer ones."""
    return min(1.0, max(0.2, (7.4 - zipf) / 1.8))


class Vocabulary:
    """How rare a word is in English at large, and what its stem is.

    Counts come from the frequency list inside the `symspellpy` wheel (82,765 words; the file is read, the
    package is not imported). A word that is not in it counts as rare: it is a name or a term.
    """

    _TOTAL_WORDS = 5.418e11  # of the corpus behind the list
    _UNKNOWN_ZIPF = 2.0

    def __init__(self) -> None:
        self._counts = self._read_counts()
        self._stemmer = Stemmer.Stemmer("english")
        self.stem = cache(self._stemmer.stemWord)

    @staticmethod
    def _read_counts() -> dict[str, int]:
        spec = find_spec("symspellpy")
        if spec is None or spec.origin is None:
            raise FileNotFoundError("the extractive answerer needs the word counts in the symspellpy package")
        path = Path(spec.origin).with_name("frequency_dictionary_en_82_765.txt")
        pairs = (line.split() for line in path.read_text(encoding="utf-8-sig").splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}

    def lists(self, word: str) -> bool:
        """Whether the word is in the frequency list."""
        return word in self._counts

    def zipf(self, word: str) -> float:
        """log10 of the occurrences in a thousand million words: about 7.5 for "the", 2 for a word not known."""
        count = self._counts.get(word)
        if count is None:
            return self._UNKNOWN_ZIPF
        return max(self._UNKNOWN_ZIPF, log10(count / self._TOTAL_WORDS * 1e9))
