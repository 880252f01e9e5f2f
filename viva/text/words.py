"""Words of speech and of typing brought to one form, so that "1947" and "nineteen forty seven" are the same."""

import re
import unicodedata

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
