"""Puts the passages in order for one question, tells whether the best covers it, and chooses those to quote."""

import numpy as np

from viva_llm.extractive.features import Features
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.question import Question, Term
from viva_llm.extractive.weights import Weights

_MOST_QUOTED = 3
_SURE_ENOUGH = 0.97  # that one of the quoted passages is the right one
_OPENING_PASSAGES = 3


class Findings:
    """What the lecture has for a question."""

    def __init__(self, question: Question, terms: tuple[Term, ...], index: LectureIndex, weights: Weights) -> None:
        self._features = Features(question, terms, index)
        self._index, self._weights = index, weights
        self.kind = self._features.kind
        """(passages,) 0..1: whether a passage has the kind of thing that is asked for."""
        self.coverage = self._features.coverage
        """(passages,) 0..1: how much of the question is found around a passage."""
        self.scores = self._features.ranking() @ weights.ranking
        """(passages,): the logarithm of how likely each passage answers, up to a constant."""

    def following(self, cited: list[int], context: np.ndarray) -> np.ndarray:
        """(passages,): as `scores`, after the places `cited`; `context` is the coverage of the questions before."""
        return self._features.following(cited, context) @ self._weights.following

    def covered(self, candidates: np.ndarray) -> float:
        """The log-odds that the best of the candidates, a mask of the passages, answer the question."""
        if not candidates.any():
            return -np.inf
        places = choose(np.where(candidates, self.scores, -np.inf), self._index)
        features = self._features.covering(places, int(candidates.sum()))
        return float(features @ self._weights.covering) + self._weights.intercept


def choose(scores: np.ndarray, index: LectureIndex, *, sure_enough: float = _SURE_ENOUGH) -> list[int]:
    """One to three places, the best first, and what its sentence runs on into.

    As many as it takes for one of them to be right with a likelihood of `sure_enough`; `scores` are log-odds.
    """
    order = [int(place) for place in np.argsort(-scores, kind="stable")[:_MOST_QUOTED]]
    likely = np.exp(scores - scores.max())
    likely /= likely.sum()
    sure = np.cumsum(likely[order])
    chosen = order[: int(np.searchsorted(sure, sure_enough)) + 1]
    best = order[0]
    if index.runs_on(best) and best + 1 < len(index):
        chosen.insert(1, best + 1)
    return list(dict.fromkeys(chosen))[:_MOST_QUOTED]


def central_passages(index: LectureIndex) -> list[int]:
    """The place where the lecture gets to its subject, then the place whose words are most shared with the rest."""
    vectors = index.tfidf()
    likeness = vectors @ vectors.sum(axis=0)
    informing = [place for place in range(min(_OPENING_PASSAGES, len(index))) if index.informing(place)]
    opening = informing[0] if informing else 0
    middle = range(opening + 2, len(index) - 1)  # the last passage says goodbye
    return [opening, *sorted(middle, key=lambda place: -likeness[place])[:1]]
