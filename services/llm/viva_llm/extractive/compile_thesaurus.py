"""Compiles data/thesaurus.txt.gz from a WordNet 3.0 dictionary folder (Debian: wordnet-base, /usr/share/wordnet).

    python -m viva_llm.extractive.compile_thesaurus /usr/share/wordnet

Run by hand when the data should change; the result is committed, with WordNet's licence beside it. Kept are single
words of general English in their commonest senses. One line for each word: the word, the meanings it has, the
meanings one step from them (more general, alike, derived, entailed), each a number in base 36, and "v" for a word that
is mostly a verb or an adverb, "w" for one that can be a verb.
"""

import gzip
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from viva_llm.extractive.words import Vocabulary

_FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_SENSES = {"n": 3, "v": 4, "a": 3, "r": 1}
_STEPS = frozenset(["@", "&", "+", "^", "*", ">", "$", "\\", "="])
_MOST_BELOW = 40  # a meaning with more kinds than this ("act", "change") makes strangers look related


def read_pointers(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """The pointers of every meaning: "n00001740" to pairs of relation and meaning."""
    pointers = {}
    for tag, name in _FILES.items():
        for line in (folder / f"data.{name}").read_text(encoding="latin-1").splitlines():
            if line.startswith(" "):
                continue
            fields = line.split(" | ")[0].split()
            at = 4 + 2 * int(fields[3], 16)
            count = int(fields[at])
            steps = [fields[at + 1 + 4 * i : at + 4 + 4 * i] for i in range(count)]
            pointers[tag + fields[0]] = [(step[0], step[2] + step[1]) for step in steps]
    return pointers


def read_words(folder: Path, vocabulary: Vocabulary) -> dict[str, list[str]]:
    """The commonest meanings of every single word that is in the vocabulary."""
    words: dict[str, list[str]] = {}
    for tag, name in _FILES.items():
        for line in (folder / f"index.{name}").read_text(encoding="latin-1").splitlines():
            fields = line.split()
            if line.startswith(" ") or not fields[0].isalpha() or not vocabulary.lists(fields[0]):
                continue
            senses = fields[-int(fields[2]) :][: _SENSES[tag]]
            words.setdefault(fields[0], []).extend(tag + sense for sense in senses)
    return words


def read_verbs(folder: Path) -> set[str]:
    """The words that are verbs or adverbs more often than anything else, by WordNet's counts of tagged text."""
    uses: dict[str, Counter[bool]] = {}
    for line in (folder / "cntlist.rev").read_text(encoding="latin-1").splitlines():
        key, _, count = line.split()
        word, kind = key.split("%")
        uses.setdefault(word, Counter())[kind[0] in "24"] += int(count)
    return {word for word, counts in uses.items() if counts[True] > max(1, counts[False])}


def read_irregular(folder: Path) -> dict[str, str]:
    """Irregular forms and their base ("went" to "go")."""
    forms = {}
    for name in _FILES.values():
        for line in (folder / f"{name}.exc").read_text(encoding="latin-1").splitlines():
            form, *bases = line.split()
            if bases and form.isalpha():
                forms[form] = bases[0]
    return forms


def _kind(word: str, senses: list[str], verbs: set[str]) -> str:
    if word in verbs:
        return "v"
    return "w" if any(sense[0] == "v" for sense in senses) else ""


def compile_lines(folder: Path) -> list[str]:
    """The lines of the thesaurus, sorted by word; irregular forms as "form=base"."""
    pointers = read_pointers(folder)
    below = Counter(target for steps in pointers.values() for relation, target in steps if relation == "@")
    words = read_words(folder, Vocabulary())
    verbs = read_verbs(folder)
    numbers: dict[str, str] = {}
    lines = []
    for word, senses in sorted(words.items()):
        near = [target for sense in senses for relation, target in pointers[sense] if relation in _STEPS]
        near = [target for target in dict.fromkeys(near) if below[target] <= _MOST_BELOW and target not in senses]
        ids = [[numbers.setdefault(m, np.base_repr(len(numbers), 36)) for m in group] for group in (senses, near)]
        lines.append(f"{word}\t{' '.join(ids[0])}\t{' '.join(ids[1])}\t{_kind(word, senses, verbs)}")
    irregular = read_irregular(folder)
    return lines + [f"{form}={base}" for form, base in sorted(irregular.items()) if base in words]


def main(folder: str) -> None:
    """Writes the file beside this module."""
    target = Path(__file__).with_name("data") / "thesaurus.txt.gz"
    text = "\n".join(compile_lines(Path(folder))) + "\n"
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
