"""Words of speech and of typing brought to one form, so that "1947" and "nineteen forty seven" are the same."""

import re
import unicodedata
from functools import cache
from importlib.util import find_spec
from math import log10
from pathlib import Path

import Stemmer

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_SIGNS = {"%": " percent ", "&": " and ", "$": " dollars ", "€": " euros ", "£": " pounds ", "°": " degrees "}
_TOKEN = re.compile(r"\d+(?:st|nd|rd|th|s)?\b|[a-z\d]+(?:'[a-z]+)?")
# What is written in one way and pronounced letter by letter is left to the recogniser's own spelling ("i b m").
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})


def spoken_number(number: int) -> list[str]:
    """The words of a whole number as a lecturer says it; four digits that can be a year are read as one."""
    if 1100 <= number < 2100 and number % 1000 >= 100:
        century, rest = divmod(number, 100)
        if rest == 0:
            return [*spoken_number(century), "hundred"]
        return [*spoken_number(century), *(["oh"] if rest < 10 else []), *spoken_number(rest)]
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        tens, ones = divmod(number, 10)
        return [_TENS[tens]] + ([_ONES[ones]] if ones else [])
    for size, name in _SCALES:
        if number >= size:
            head, rest = divmod(number, size)
            return [*spoken_number(head), name, *(spoken_number(rest) if rest else [])]
    raise AssertionError("unreachable: numbers below 20 are named above")


def _ordinal(words: list[str]) -> list[str]:
    last = words[-1]
    if last in _ORDINALS:
        return [*words[:-1], _ORDINALS[last]]
    return [*words[:-1], f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"]


def _number_words(token: str) -> list[str]:
    digits = token.rstrip("stndrh")
    if len(digits) > 12:  # an identifier, not a quantity
        return [_ONES[int(digit)] for digit in digits]
    words = spoken_number(int(digits))
    return _ordinal(words) if token[len(digits) :] in ("st", "nd", "rd", "th") else words


def words_of(text: str) -> list[str]:
    """The words of `text` in lower case, without punctuation and possessives, numbers spelt out."""
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).lower()
    plain = "".join(ch for ch in plain if not unicodedata.combining(ch))
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", plain)
    for sign, word in _SIGNS.items():
        plain = plain.replace(sign, word)
    words: list[str] = []
    for token in _TOKEN.findall(plain):
        if token[0].isdigit() and token.rstrip("stndrh").isdigit() and token.isascii():
            words += _number_words(token)
        elif token.endswith("'s"):
            words.append(token[:-2])
        else:
            words.append(token)
    return words


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
