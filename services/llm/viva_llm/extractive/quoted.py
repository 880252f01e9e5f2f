"""Whether the passages that would be quoted have what the question is after, beside what it is about.

"Where was she born?" finds the passages on her, whatever they say. So what counts here is the attribute that is
asked for: a noun that none of them has, a number of such things, a unit; and what kind of answer is wanted, since a
reason is told of most things that a lecture dwells on, and a place or a figure of few.
"""

from collections.abc import Sequence

import numpy as np

from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.question import Question, Wanted

QUOTED = (
    "missing_here",
    "missing_most",
    "tokens_alike",
    "least_alike",
    "uncounted",
    "no_money",
    "no_unit",
    "asks_reason",
    "asks_value",
    "asks_place",
    "asks_person",
)
"""Of a question and the passages that would be quoted: the weight of the nouns that they lack, and of the weightiest of
these; how near the tokens of the question are to the nearest of theirs in meaning, on average and at least; 1 where it
asks how many there are of something and they have no number of it, how much money and they have none, another measure
and they have none in its units; and 1 where it asks for a reason, for a time or a number, for a place, for a person."""


def of_quoted(question: Question, lacking: np.ndarray, places: Sequence[int], index: LectureIndex) -> np.ndarray:
    """(len(QUOTED),): the features; `lacking` (nouns,) is the weight of each noun, 0 for one that is found there."""
    alike = index.tokens_alike(question.text, places)
    measured = question.measure is None or any(
        index.language.classes.measures(index.words[place], question.measure) == 1.0 for place in places
    )
    wanted = question.wanted
    return np.array(
        [
            lacking.sum(),
            lacking.max(initial=0.0),
            alike.mean(),
            alike.min(),
            not _counted(question, places, index),
            not measured and question.measure == "money",
            not measured and question.measure != "money",
            wanted is Wanted.REASON,
            wanted in (Wanted.TIME, Wanted.NUMBER),
            wanted is Wanted.PLACE,
            wanted is Wanted.PERSON,
        ],
        np.float64,
    )


def _counted(question: Question, places: Sequence[int], index: LectureIndex) -> bool:
    """Whether one of the places has a number of what is to be counted, if anything is."""
    if question.counted is None:
        return True
    stem = index.language.vocabulary.stem
    things = set(index.meanings.related(question.counted))
    things |= {word for place in places for word in index.words[place] if stem(word) == stem(question.counted)}
    return any(index.language.classes.counts(index.words[place], things) for place in places)
