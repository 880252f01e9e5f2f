"""Which words mean nearly the same: from WordNet, compiled into data/thesaurus.txt.gz (see compile_thesaurus)."""

import gzip
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

SAME_MEANING = 0.6
ONE_STEP = 0.3
_ENDINGS = (
    ("ies", "y"), ("es", ""), ("s", ""), ("ied", "y"), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"),
)  # fmt: skip
_OTHER_ENDINGS = (
    ("er", ""),
    ("er", "e"),
    ("est", ""),
    ("est", "e"),
    ("ly", ""),
)  # where the word itself is not listed


class Thesaurus:
    """Meanings of words as opaque ids."""

    def __init__(self) -> None:
        packed = (files("viva_llm.extractive") / "data" / "thesaurus.txt.gz").read_bytes()
        self._entries: dict[str, tuple[str, str, str]] = {}
        self._bases: dict[str, str] = {}
        for line in gzip.decompress(packed).decode().splitlines():
            if "\t" in line:
                word, own, near, kind = line.split("\t")
                self._entries[word] = (own, near, kind)
            else:
                form, base = line.split("=")
                self._bases[form] = base
        self.meanings = lru_cache(maxsize=20_000)(self._meanings)

    def bases(self, word: str) -> list[str]:
        """The dictionary forms that `word` may be a form of, itself included."""
        found = [word] if word in self._entries else []
        if word in self._bases:
            return [*found, self._bases[word]]
        for ending, base in _ENDINGS if found else (*_ENDINGS, *_OTHER_ENDINGS):
            if word.endswith(ending) and len(word) - len(ending) >= 2:
                stem = word[: -len(ending)]
                doubled = len(stem) > 2 and stem[-1] == stem[-2] and not base
                found += [form for form in (stem + base, stem[:-1] if doubled else "") if form in self._entries]
        return list(dict.fromkeys(found))

    def is_verb(self, word: str) -> bool:
        """Whether it is mostly a verb or an adverb: a deed is told in many words, but a thing is called by its name."""
        bases = [base for base in self.bases(word) if base in self._entries]
        forms = [base for base in bases if base != word] or bases
        return any(self._entries[base][2] == "v" for base in forms)

    def may_be_verb(self, word: str) -> bool:
        """Whether it can be a verb at all."""
        return any(self._entries[base][2] for base in self.bases(word) if base in self._entries)

    def _meanings(self, word: str) -> tuple[frozenset[str], frozenset[str]]:
        """The meanings that `word` has, and those one step away."""
        entries = [self._entries[base] for base in self.bases(word)]
        own = frozenset(m for entry in entries for m in entry[0].split())
        return own, frozenset(m for entry in entries for m in entry[1].split()) - own


class MeaningIndex:
    """The meanings of a lecture's words, to ask which of them are related to a word of a question."""

    def __init__(self, words: Iterable[str], thesaurus: Thesaurus) -> None:
        self._thesaurus = thesaurus
        self._having: dict[str, list[str]] = {}
        self._near: dict[str, list[str]] = {}
        for word in words:
            own, near = thesaurus.meanings(word)
            for meaning in own:
                self._having.setdefault(meaning, []).append(word)
            for meaning in near:
                self._near.setdefault(meaning, []).append(word)

    def related(self, word: str) -> dict[str, float]:
        """Words of the lecture that mean the same or are one step away, and how much that counts."""
        own, near = self._thesaurus.meanings(word)
        found: dict[str, float] = {}
        for meaning in near:
            found.update(dict.fromkeys(self._having.get(meaning, ()), ONE_STEP))
        for meaning in own:
            found.update(dict.fromkeys(self._near.get(meaning, ()), ONE_STEP))
        for meaning in own:
            found.update(dict.fromkeys(self._having.get(meaning, ()), SAME_MEANING))
        found.pop(word, None)
        return found
