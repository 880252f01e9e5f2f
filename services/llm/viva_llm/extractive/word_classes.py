"""Classes of English words, read from data/word_classes.toml."""

import tomllib
from collections.abc import Container
from dataclasses import dataclass, fields
from importlib.resources import files
from itertools import pairwise

_UNIT_WITHIN = 3  # words after a number: "eight light minutes"
_COUNT_WITHIN = 4  # "seven of the large stone bridges"


@dataclass(frozen=True, slots=True)
class WordClasses:
    """Each a set of words in lower case; what they are is said beside them in the file."""

    function: frozenset[str]
    frame: frozenset[str]
    overview: frozenset[str]
    generic: frozenset[str]
    pointing: frozenset[str]
    number: frozenset[str]
    time: frozenset[str]
    vague_time: frozenset[str]
    year_head: frozenset[str]
    year_tail: frozenset[str]
    reason: frozenset[str]
    asking: frozenset[str]
    units: dict[str, frozenset[str]]

    @classmethod
    def read(cls) -> "WordClasses":
        """The classes as they are in the package."""
        path = files("viva_llm.extractive") / "data" / "word_classes.toml"
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        units = {name: frozenset(words.split()) for name, words in content.pop("units").items()}
        plain = {name: frozenset(content[name].split()) for name in (f.name for f in fields(cls)) if name != "units"}
        return cls(**plain, units=units)

    def dates(self, words: list[str]) -> float:
        """0..1: whether the words have a date in them: 1 for a year, 0.7 for another, 0.3 for what may be one."""
        for first, second in pairwise(words):
            if (first in self.year_head and second in self.year_tail) or (first, second) == (
                "two",
                "thousand",
            ):
                return 1.0
        if not self.time.isdisjoint(words):
            return 0.7
        return 0.0 if self.vague_time.isdisjoint(words) else 0.3

    def numbers(self, words: list[str]) -> float:
        """1 if a number is among the words, 0.4 if it is but a year, else 0 ("one" is mostly a pronoun)."""
        places = {at for at, word in enumerate(words) if word in self.number and word != "one"}
        if not places:
            return 0.0
        for at, pair in enumerate(pairwise(words)):
            if self._begins_year(*pair):
                places -= {at, at + 1, at + 2}
        return 1.0 if places else 0.4

    def measures(self, words: list[str], measure: str) -> float:
        """1 if a number of the units of `measure` is among the words, 0.5 if only another number, else 0."""
        units = self.units[measure]
        for at, word in enumerate(words):
            counted = words[max(0, at - _UNIT_WITHIN) : at]
            if word in units and (measure == "share" or not self.number.isdisjoint(counted)):
                return 1.0
        return 0.5 * self.numbers(words)

    def counts(self, words: list[str], things: Container[str]) -> bool:
        """Whether a number stands before one of the things, with a word or two between them at most."""
        return any(
            word in things and not self.number.isdisjoint(words[max(0, at - _COUNT_WITHIN) : at])
            for at, word in enumerate(words)
        )

    def _begins_year(self, first: str, second: str) -> bool:
        return (first in self.year_head and second in self.year_tail) or (first, second) == (
            "two",
            "thousand",
        )

    def reasons(self, words: list[str]) -> float:
        """1 if a reason is announced, else 0."""
        return float(not self.reason.isdisjoint(words))
