"""What the extractive answerer learns from: questions asked where they are answered, and where they are not.

Beside the questions that come with a lecture, every question is asked of another lecture, of its own lecture with the
answering passages and their neighbours taken out, and, for long recordings, of all lectures end to end with and without
its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np

from benchmarks.question_set import Question, QuestionSet, is_right
from benchmarks.recognised import RecognisedSpeech
from viva.passages import Passage
from viva.samples import Rendering
from viva_llm.extractive.features import Features
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.language import Language
from viva_llm.extractive.question import parse_question
from viva_llm.extractive.ranking import choose


@dataclass(frozen=True)
class Recording:
    """A lecture as it was recognised."""

    questions: QuestionSet
    rendering: Rendering
    passages: tuple[Passage, ...]

    def answering(self, question: Question) -> list[int]:
        """The places of the passages that are right."""
        lines = self.rendering.lines
        return [at for at, p in enumerate(self.passages) if is_right(question, lines, p.start, p.end)]


@dataclass(frozen=True)
class Example:
    """A question asked of some passages."""

    lecture: str  # that the question is about
    kind: str  # answered, far, near, detail, elsewhere, removed, later turn
    long: bool  # asked of all lectures end to end
    right: tuple[int, ...]
    features: Features
    index: LectureIndex
    cited: tuple[int, ...] = ()
    context: np.ndarray | None = None
    """For a later turn of a dialogue: what was cited before, and how much of the first question is found where."""

    @cached_property
    def ranking(self) -> np.ndarray:
        """(passages, len(RANKING))"""
        return self.features.ranking().astype(np.float64)

    @cached_property
    def following(self) -> np.ndarray:
        """(passages, len(FOLLOWING))"""
        return self.features.following(list(self.cited), self.context).astype(np.float64)

    def covering(self, ranking: np.ndarray) -> np.ndarray:
        """(len(COVERING),), of the places that would be quoted with these weights."""
        return self._covering(tuple(choose(self.ranking @ ranking, self.index)))

    @cached_property
    def _covering(self) -> Callable[[tuple[int, ...]], np.ndarray]:
        """Kept, for the sentence model has a part in it, and the places seldom change."""
        return cache(lambda places: self.features.covering(places, len(self.index)))


class Examples:
    """Makes the examples of one voice."""

    def __init__(self, recordings: Sequence[Recording], language: Language) -> None:
        self._recordings, self._language = recordings, language

    @classmethod
    def of(cls, sets: Sequence[QuestionSet], speech: RecognisedSpeech) -> "Examples":
        """The examples that these questions make with lectures in the voice of `speech`."""
        heard = ((each, *speech.lecture(each.text)) for each in sets)
        return cls([Recording(each, times, tuple(passages)) for each, times, passages in heard], Language())

    def __iter__(self) -> Iterator[Example]:
        everything = self._index(*(each.passages for each in self._recordings))
        before = 0
        for at, own in enumerate(self._recordings):
            others = [each for each in self._recordings if each is not own]
            rest = self._index(*(each.passages for each in others))
            plain = self._index(own.passages)
            another = self._index(self._recordings[at - 1].passages)
            for kind, question in _first_turns(own.questions):
                right = own.answering(question)
                yield from self._example(own, kind, question, plain, right)
                yield from self._example(own, "elsewhere", question, another, [])
                yield from self._example(own, "elsewhere", question, rest, [], long=True)
                if kind == "answered":
                    moved = [before + place for place in right]
                    yield from self._example(own, kind, question, everything, moved, long=True)
                    yield from self._example(own, "removed", question, self._without(own, right), [])
            before += len(own.passages)
            for dialogue in own.questions.dialogues:
                yield from self._later_turns(own, dialogue, plain)

    def _example(
        self,
        own: Recording,
        kind: str,
        question: Question,
        index: LectureIndex,
        right: list[int],
        *,
        long: bool = False,
    ) -> Iterator[Example]:
        parsed = parse_question(question.ask, self._language)
        if parsed.terms and not parsed.overview:
            features = Features(parsed, parsed.terms, index)
            yield Example(own.questions.name, kind, long, tuple(right), features, index)

    def _later_turns(self, own: Recording, dialogue: Sequence[Question], index: LectureIndex) -> Iterator[Example]:
        first = parse_question(dialogue[0].ask, self._language)
        context = Features(first, first.terms, index).coverage
        for last, question in pairwise(dialogue):
            parsed = parse_question(question.ask, self._language)
            features = Features(parsed, parsed.terms, index)
            right, cited = own.answering(question), own.answering(last)
            if right and cited:
                name = own.questions.name
                yield Example(name, "later turn", False, tuple(right), features, index, tuple(cited), context)

    def _index(self, *lectures: Sequence[Passage]) -> LectureIndex:
        return LectureIndex([passage for lecture in lectures for passage in lecture], self._language)

    def _without(self, own: Recording, right: list[int]) -> LectureIndex:
        gone = {at + beside for at in right for beside in (-1, 0, 1)}
        return self._index([passage for at, passage in enumerate(own.passages) if at not in gone])


def _first_turns(questions: QuestionSet) -> Iterator[tuple[str, Question]]:
    for question in questions.answerable:
        yield "answered", question
    for question in questions.not_covered:
        yield question.distance or "near", question
    for dialogue in questions.dialogues:
        yield "answered", dialogue[0]
