"""What the weights in data/weights.toml are weights of: a few numbers about a question and a place in a lecture.

None depends on what a lecture is about, and none but the last on how long it is.
"""

from collections.abc import Sequence

import numpy as np

from viva_llm.extractive.evidence import gather, rarity_here, spread
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.question import Question, Term, carries
from viva_llm.extractive.quoted import QUOTED, of_quoted

RANKING = ("found", "before", "around", "bm25", "kind", "opening", "alike", "alike_around")
"""Of a passage: how much of the question it has, terms weighed by how rare they are in English and in this lecture;
how much the passage before it has; how much its neighbourhood has; the BM25 score of it and its neighbours, 1 for the
best; whether it has the kind of thing that is asked for; whether it only announces the subject; how near it is to the
question in meaning, alone and with a neighbour."""

FOLLOWING = (*RANKING, "after", "before_cited", "cited", "context")
"""Of a passage, for a question that leans on the ones before: those of `RANKING`; how soon the passage comes after one
that was cited last, or before it; whether it is one; how much of the questions before is found around it."""

COVERING = (
    "coverage",
    "own_coverage",
    "lecture_coverage",
    "missing_nouns",
    "rare_found",
    "alike",
    "alike_best",
    "kind",
    "kind_anywhere",
    *QUOTED,
    "log_passages",
)
"""Of a question and a place: the share of the question that is found around the place, in the passage itself, and
anywhere in the lecture (terms weighed by how rare they are in English); the weight of the nouns that are nowhere in
the lecture; the weight of the rare words found; how near the passage is to the question in meaning, and the nearest of
the lecture; whether the passage, and any of the lecture, has the kind of thing that is asked for; those of `QUOTED`;
the logarithm of the number of passages, for where there are more of them chance finds more."""

_RARE_ZIPF, _RARER_BY = 5.0, 2.5  # a word is rare from once in ten thousand words on
_RARITY_HERE = 0.8  # how much of a term's weight in the order depends on this lecture
_BESIDE = 0.5  # of a neighbour's BM25 score
_USUAL_PASSAGES = 30
_FADES_AFTER, _FADES_BEFORE = 3.0, 1.2  # passages


class Features:
    """The features of one question in all places of a lecture; arrays are float32 of shape (passages,)."""

    def __init__(self, question: Question, terms: tuple[Term, ...], index: LectureIndex) -> None:
        self._question, self._terms, self._index = question, terms, index
        self._weights = np.array([term.weight for term in terms], np.float32)
        self._nouns = np.array([not term.verb and term.share == 1.0 for term in terms], bool)
        self._rare = np.array([rare(term) for term in terms], np.float32)
        self._found, alone = gather(terms, question.words, index)
        self._around = spread(self._found)
        self._anywhere = alone.max(axis=1, initial=0.0)
        self._telling = self._weights * (1.0 - _RARITY_HERE + _RARITY_HERE * rarity_here(alone))
        self._total = max(1e-6, float(self._weights.sum()))
        classes = index.language.classes
        self.kind = np.array([carries(words, question, classes) for words in index.words], np.float32)
        self._alike = index.alike(question.text)
        self.coverage = self._weights @ self._around / self._total
        """How much of the question is found around a passage."""

    def ranking(self) -> np.ndarray:
        """(passages, len(RANKING)): the features of every passage."""
        telling = self._telling / max(1e-6, float(self._telling.sum()))
        found = telling @ self._found
        opening = np.zeros(len(self._index), np.float32)
        opening[: self._index.opening] = 1.0
        bm25 = self._index.bm25([term.stem for term in self._terms])
        bm25 = bm25 + _BESIDE * (_moved(bm25, 1) + _moved(bm25, -1))
        bm25 /= max(1e-6, float(bm25.max(initial=0.0)))
        around = telling @ self._around
        return np.stack([found, _moved(found, 1), around, bm25, self.kind, opening, *self._alike], axis=1)

    def following(self, cited: list[int], context: np.ndarray) -> np.ndarray:
        """(passages, len(FOLLOWING)): the same after these places were cited; `context` (passages,) as in FOLLOWING."""
        places = np.arange(len(self._index))
        beyond = np.array([places - place for place in cited])
        after = np.where(beyond > 0, np.exp(-abs(beyond) / _FADES_AFTER), 0.0).max(axis=0)
        before = np.where(beyond < 0, np.exp(-abs(beyond) / _FADES_BEFORE), 0.0).max(axis=0)
        there = (beyond == 0).max(axis=0)
        return np.column_stack([self.ranking(), after, before, there, context]).astype(np.float32)

    def covering(self, places: Sequence[int], passages: int) -> np.ndarray:
        """(len(COVERING),): the features of places that would be quoted, the best first, out of so many passages."""
        place = places[0]
        around = self._around[:, place]
        lacking = self._weights * (1.0 - self._found[:, places].max(axis=1))
        missing = self._weights * (1.0 - self._anywhere)
        return np.array(
            [
                self.coverage[place],
                self._weights @ self._found[:, place] / self._total,
                self._weights @ self._anywhere / self._total,
                missing[self._nouns].sum(),
                (self._weights * self._rare) @ around,
                self._alike[0, place],
                self._alike[0].max(initial=-1.0),
                self.kind[place],
                self.kind.max(initial=0.0),
                *of_quoted(self._question, lacking[self._nouns], places, self._index),
                np.log(max(passages, _USUAL_PASSAGES) / _USUAL_PASSAGES),
            ]
        )


def rare(term: Term) -> float:
    """0..1: 0 for a common word, 1 for one that is hardly ever used."""
    return min(1.0, max(0.0, (_RARE_ZIPF - term.zipf) / _RARER_BY))


def _moved(values: np.ndarray, by: int) -> np.ndarray:
    """Each place with the value of the one so many before it; 0 where there is none."""
    moved = np.zeros_like(values)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved
