"""Finding a sequence of phones inside a long stream of phones, with errors, in vectors over the whole stream.

A recogniser that does not know a word writes other words that sound alike and cuts them elsewhere, so the stream
has no word gaps in it: a match may begin and end anywhere, and pays a little where that is not between words.
"""

from itertools import pairwise

import numpy as np

from viva_llm.extractive.pronunciation import PHONES, VOWELS

# Vowels: height (0 high .. 1 low), backness (0 front .. 1 back), and whether they glide or carry an r.
_VOWEL_PLACES = {
    "IY": (0.0, 0.0, 0), "IH": (0.2, 0.15, 0),
    "EH": (0.55, 0.2, 0), "EY": (0.4, 0.1, 1), "AE": (0.85, 0.2, 0),
    "AA": (1.0, 0.8, 0), "AH": (0.6, 0.55, 0),
    "AO": (0.75, 0.9, 0), "AW": (0.9, 0.65, 2), "AY": (0.9, 0.5, 1),
    "ER": (0.5, 0.5, 3), "OW": (0.5, 0.95, 2), "OY": (0.6, 0.8, 1), "UH": (0.2, 0.8, 0), "UW": (0.0, 0.9, 0),
}  # fmt: skip
# Consonants: place (front of the mouth 0 .. throat 1), manner, voiced.
_CONSONANT_PLACES = {
    "P": (0.0, "stop", 0), "B": (0.0, "stop", 1),
    "T": (0.4, "stop", 0), "D": (0.4, "stop", 1), "K": (0.8, "stop", 0),
    "G": (0.8, "stop", 1), "F": (0.1, "fric", 0),
    "V": (0.1, "fric", 1), "TH": (0.25, "fric", 0), "DH": (0.25, "fric", 1),
    "S": (0.4, "sib", 0), "Z": (0.4, "sib", 1),
    "SH": (0.55, "sib", 0), "ZH": (0.55, "sib", 1), "CH": (0.5, "aff", 0),
    "JH": (0.5, "aff", 1), "M": (0.0, "nasal", 1),
    "N": (0.4, "nasal", 1), "NG": (0.8, "nasal", 1), "L": (0.4, "liquid", 1),
    "R": (0.5, "liquid", 1), "W": (0.6, "glide", 1), "Y": (0.5, "glide", 1), "HH": (1.0, "fric", 0),
}  # fmt: skip
_NEAR_MANNERS = {
    frozenset(pair): cost
    for *pair, cost in (
        ("fric", "sib", 0.25), ("sib", "aff", 0.25), ("stop", "aff", 0.35), ("stop", "fric", 0.4),
        ("liquid", "glide", 0.35), ("nasal", "stop", 0.5),
    )
}  # fmt: skip
_ALIKE_ACROSS = {frozenset(pair): 0.35 for pair in (("ER", "R"), ("UW", "W"), ("UH", "W"), ("IY", "Y"), ("IH", "Y"))}
_SCALE = 20  # costs are whole numbers of twentieths: int16 lanes are four times as fast as float64
_START_INSIDE_WORD = 8
_END_INSIDE_WORD = 8
_MOST_INSERTED = 2  # phones of the stream skipped in a row inside a match
_FAR = 10_000


def _vowel_cost(a: str, b: str) -> float:
    (h1, b1, g1), (h2, b2, g2) = _VOWEL_PLACES[a], _VOWEL_PLACES[b]
    return min(0.75, 0.1 + 0.45 * abs(h1 - h2) + 0.35 * abs(b1 - b2) + (0.15 if g1 != g2 else 0.0))


def _consonant_cost(a: str, b: str) -> float:
    (p1, m1, v1), (p2, m2, v2) = _CONSONANT_PLACES[a], _CONSONANT_PLACES[b]
    manner = 0.0 if m1 == m2 else _NEAR_MANNERS.get(frozenset((m1, m2)), 0.75)
    return min(1.0, manner + 0.7 * abs(p1 - p2) + (0.2 if v1 != v2 else 0.0) + (0.1 if p1 == p2 else 0.15))


def _cost(a: str, b: str) -> float:
    if a == b:
        return 0.0
    if frozenset((a, b)) in _ALIKE_ACROSS:
        return _ALIKE_ACROSS[frozenset((a, b))]
    if (a in VOWELS) != (b in VOWELS):
        return 1.1
    return _vowel_cost(a, b) if a in VOWELS else _consonant_cost(a, b)


def _weight(phone: str) -> float:

    if phone in ("AH", "IH", "HH"):
        return 0.5
    if phone in VOWELS:
        return 0.75
    return 0.8 if phone in ("T", "D", "R", "L", "Y", "W", "DH") else 1.0


class PhoneCosts:
    """The tables of substitution, deletion and insertion, in twentieths."""

    def __init__(self) -> None:
        self.substitution = np.array([[round(_SCALE * _cost(a, b)) for b in PHONES] for a in PHONES], np.int16)
        self.weight = np.array([round(_SCALE * _weight(a)) for a in PHONES], np.int16)


class PhoneStream:
    """The phones of a text end to end; `search` says how like a query each word's end is."""

    def __init__(self, words: list[tuple[int, ...]], costs: PhoneCosts) -> None:
        """`words`: the phones of each word of the text, in order; a word may have none."""
        self._costs = costs
        self._phones = np.array([phone for word in words for phone in word], np.intp)
        lengths = np.array([len(word) for word in words], np.intp)
        ends = np.cumsum(lengths)
        starts = ends - lengths
        self._word_starts, self._word_ends = starts, ends
        self._begin = np.full(len(self._phones) + 1, _START_INSIDE_WORD, np.int16)
        self._begin[starts] = 0
        self._inserted = costs.weight[self._phones]

    def search(self, query: tuple[int, ...]) -> np.ndarray:
        """For each word of the text, 0..1: how well `query` is matched by phones that end in that word."""
        words = len(self._word_ends)
        if not query or not len(self._phones):
            return np.zeros(words, np.float32)
        weight = self._costs.weight
        total = float(sum(int(weight[phone]) for phone in query))
        row = self._begin
        rows: dict[int, np.ndarray] = {}
        for phone in query:
            if phone not in rows:
                rows[phone] = self._costs.substitution[phone].take(self._phones)
            row = self._advance(row, rows[phone], int(weight[phone]))
        row = row[1:] + np.int16(_END_INSIDE_WORD)
        last = self._word_ends - 1
        spoken = self._word_ends > self._word_starts
        row[last[spoken]] -= _END_INSIDE_WORD
        best = np.full(words, _FAR, np.float32)
        best[spoken] = np.minimum.reduceat(row, self._word_starts[spoken])
        return np.clip(1.0 - best / total, 0.0, 1.0)

    def _advance(self, row: np.ndarray, substitution: np.ndarray, deletion: int) -> np.ndarray:
        following = row + np.int16(deletion)
        np.minimum(following[1:], row[:-1] + substitution, out=following[1:])
        for _ in range(_MOST_INSERTED):
            np.minimum(following[1:], following[:-1] + self._inserted, out=following[1:])
        return following


def joined(words: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The phones of some words said in one breath: a sound that ends one and begins the next is said once."""
    phones = [phone for word in words for phone in word]
    return tuple(phones[:1] + [b for a, b in pairwise(phones) if a != b])
