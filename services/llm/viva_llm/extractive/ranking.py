"""Puts the passages in order for one question, and chooses those to quote."""

import numpy as np

from viva_llm.extractive.evidence import gather, spread
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.question import Question, Term, Wanted, carries

_KIND_WEIGHT = 0.25  # of the kind of thing that is asked for, beside terms of 0.2 to 1.1
_RIVAL = 0.6  # another passage is quoted too if it scores this share of the best one
_NEIGHBOUR = 0.4  # and one next to the best, which may carry on its sentence, if it scores this share
_OWN, _AROUND, _COVERED, _BM25, _KIND = 0.7, 0.5, 0.2, 0.2, 0.3  # what the score is made of
_NEARLY_BEST = 0.6
_OPENING_PASSAGES = 3


class Findings:
    """What the lecture has for a question; arrays are float32 of shape (passages,), 0..1 unless said otherwise."""

    def __init__(
        self,
        question: Question,
        terms: tuple[Term, ...],
        index: LectureIndex,
        *,
        context: tuple[Term, ...] = (),
    ) -> None:
        self._terms, self._index = terms, index
        evidence = gather((*terms, *context), question.words, index)
        found = evidence.found()
        around = spread(found)
        self._found, self._around = found[: len(terms)], around[: len(terms)]
        self._idf = evidence.idf[: len(terms)]
        classes = index.language.classes
        self.kind = np.array([carries(words, question.wanted, classes) for words in index.words], np.float32)
        kind_weight = 0.0 if question.wanted in (Wanted.ANYTHING, Wanted.REASON) else _KIND_WEIGHT
        kind_around = spread(self.kind[None, :])[0]
        own = slice(0, len(terms))
        present = np.maximum(self._around, evidence.topic[own][:, None])
        has = evidence.weights[own] @ present + kind_weight * kind_around
        lacks = evidence.losses[own] @ (1.0 - present) + kind_weight * (1.0 - kind_around)
        self.coverage = has / np.maximum(has + lacks, 1e-6) if terms else np.zeros(len(index), np.float32)
        rest = slice(len(terms), None)
        weight = float(evidence.weights[rest].sum())
        self.context_coverage = evidence.weights[rest] @ around[rest] / max(weight, 1e-6)

    @property
    def best_coverage(self) -> float:
        """The coverage where it is best."""
        return float(self.coverage.max(initial=0.0))

    def scores(self) -> np.ndarray:
        """How well each passage answers, about 0..2; only places that cover the question nearly best have a score."""
        total = max(1e-6, float(self._idf.sum()))
        own, around = self._idf @ self._found / total, self._idf @ self._around / total
        bm25 = self._index.bm25([term.stem for term in self._terms])
        bm25 = bm25 / bm25.max() if bm25.max() > 0 else bm25
        scores = _OWN * own + _AROUND * around + _COVERED * self.coverage + _BM25 * bm25 + _KIND * self.kind
        return np.where(self.coverage >= _NEARLY_BEST * self.best_coverage, scores, 0.0)


def choose(scores: np.ndarray, question: Question, index: LectureIndex) -> list[int]:
    """One to three places, the best first: the neighbour that has the number or carries on, and near rivals."""

    def kind(place: int) -> float:
        return carries(index.words[place], question.wanted, index.language.classes)

    order = [int(place) for place in np.argsort(-scores, kind="stable")[:3]]
    best = order[0]
    beside = [place for place in (best + 1, best - 1, best + 2) if 0 <= place < len(index)]
    chosen = [best]
    if question.wanted in (Wanted.TIME, Wanted.NUMBER) and not kind(best):
        chosen += [place for place in beside if kind(place)][:1]
    if index.runs_on(best) and best + 1 < len(index):
        chosen.append(best + 1)
    neighbours = sorted(
        (place for place in beside[:2] if abs(place - best) == 1), key=lambda place: -scores[place]
    )
    chosen += [place for place in neighbours[:1] if scores[place] >= _NEIGHBOUR * scores[best]]
    chosen += [place for place in order[1:] if scores[place] >= _RIVAL * scores[best]]
    return list(dict.fromkeys(chosen))[:3]


def central_passages(index: LectureIndex) -> list[int]:
    """The place where the lecture gets to its subject, then the place whose words are most shared with the rest."""
    vectors = index.tfidf()
    likeness = vectors @ vectors.sum(axis=0)
    informing = [place for place in range(min(_OPENING_PASSAGES, len(index))) if index.informing(place)]
    opening = informing[0] if informing else 0
    middle = range(opening + 2, len(index) - 1)  # the last passage says goodbye
    return [opening, *sorted(middle, key=lambda place: -likeness[place])[:1]]
