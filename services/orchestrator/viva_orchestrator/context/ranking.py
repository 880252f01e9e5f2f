"""Which passages of a lecture matter for a question: BM25 over stems, and what was cited last."""

from __future__ import annotations

import re
from collections.abc import Sequence

import bm25s
import numpy as np
import Stemmer
from bm25s.stopwords import STOPWORDS_EN_PLUS

from viva.passages import Passage
from viva.text.words import words_of

# A stem in more than this share of the passages tells none of them from another.
COMMON = 0.25
# What the question before weighs, for one like "and in which year was that?".
BEFORE = 0.3
# A sentence goes on: passages shown before and after one that matches.
NEIGHBOURS = (0, 1, -1, 2)

_STOPWORDS = frozenset(STOPWORDS_EN_PLUS)
_MARK = re.compile(r"\[(\d+)\]")


class PassageIndex:
    """The passages of one lecture made ready to be searched; takes 30 ms for an hour, so made off the event loop."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._stem = Stemmer.Stemmer("english").stemWords
        stems = [self._stem(words_of(passage.text)) for passage in passages]
        holders: dict[str, int] = {}
        for names in stems:
            for name in set(names):
                holders[name] = holders.get(name, 0) + 1
        self._telling = {name for name, count in holders.items() if count <= max(2, COMMON * len(passages))}
        self._count = len(passages)
        self._bm25 = None
        if holders:
            self._bm25 = bm25s.BM25(method="lucene")
            self._bm25.index(stems, show_progress=False)

    def scores(self, text: str) -> np.ndarray:
        """The BM25 scores of all passages for a text, float32 of shape (passages,)."""
        words = [word for word in words_of(text) if word not in _STOPWORDS]
        stems = [stem for stem in self._stem(words) if stem in self._telling]
        if self._bm25 is None or not stems:
            return np.zeros(self._count, np.float32)
        return self._bm25.get_scores(stems)

    def order(self, question: str, before: str = "", answer_before: str = "") -> list[int]:
        """Positions of passages, those that matter most first, each with its neighbours; those without a word left out.

        `before` and `answer_before` are the question before and its answer, whose cited passages come early, too.
        """
        scores = self.scores(question) + BEFORE * self.scores(before)
        best = [int(place) for place in np.argsort(-scores, kind="stable") if scores[place] > 0]
        cited = [int(number) - 1 for number in _MARK.findall(answer_before)]
        # The best of this question, then where the conversation was, then the rest.
        centres = [*best[:3], *cited, *best[3:]]
        places = (centre + step for centre in centres for step in NEIGHBOURS)
        return list(dict.fromkeys(place for place in places if 0 <= place < self._count))
