"""Answers questions about a lecture by quoting it; needs no model.

"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np

from viva.passages import Passage, parse_lecture
from viva_llm.extractive import phrasing
from viva_llm.extractive.evidence import Evidence, gather
from viva_llm.extractive.index import Language, LectureIndex
from viva_llm.extractive.question import Question, Term, Wanted, carries, parse_question

_MARK = re.compile(r"\[(\d+)\]")
_LEAST_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is to be spoken and carries marks like "[12]"; `passages` are the numbers cited, best first."""

    text: str
    passages: tuple[int, ...] = ()
    coverage: float = 0.0

    def __str__(self) -> str:
        return self.text

    @property
    def refused(self) -> bool:
        """Whether nothing of the lecture is cited."""
        return not self.passages


class Answerer:
    """Stateless but for a bounded cache of lecture indices; safe to call from several threads."""

    def __init__(self, *, cached_lectures: int = 16) -> None:
        self._language = Language()
        self._cached_lectures = cached_lectures
        self._indices: OrderedDict[str, LectureIndex] = OrderedDict()
        self._lock = Lock()

    def answer(self, messages: list[dict]) -> Answer:
        """Answers the last user message of an OpenAI chat from the lecture in its system message."""
        return _Turn(messages, self._index(messages), self._language).answer()

    def _index(self, messages: list[dict]) -> LectureIndex:
        text = "\n".join(text_of(message) for message in messages if message.get("role") in ("system", "developer"))
        with self._lock:
            if text in self._indices:
                self._indices.move_to_end(text)
                return self._indices[text]
        index = LectureIndex(parse_lecture(text), self._language)
        with self._lock:
            self._indices[text] = index
            while len(self._indices) > self._cached_lectures:
                self._indices.popitem(last=False)
        return index


def text_of(message: dict) -> str:
    """The text of a chat message, whose content is a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text") or "" for part in content if part.get("type") == "text")


class _Turn:
    """One question on its way through the lecture."""

    def __init__(self, messages: list[dict], index: LectureIndex, language: Language) -> None:
        self._index = index
        talk = [message for message in messages if message.get("role") in ("user", "assistant")]
        asked = [text_of(message) for message in talk if message.get("role") == "user"]
        self._turn = len(asked)
        self._question = parse_question(asked[-1] if asked else "", language.vocabulary)
        self._before = [parse_question(text, language.vocabulary) for text in asked[:-1]]
        self._cited = self._last_cited(talk)

    def _last_cited(self, talk: list[dict]) -> list[int]:
        places = {passage.number: place for place, passage in enumerate(self._index.passages)}
        for message in reversed(talk):
            if message.get("role") == "assistant":
                numbers = [int(number) for number in _MARK.findall(text_of(message))]
                if cited := [places[number] for number in numbers if number in places]:
                    return cited
        return []

    def answer(self) -> Answer:
        if not self._index.passages:
            return Answer(phrasing.NOTHING_HEARD)
        question = self._question
        if not question.words:
            return Answer(phrasing.NO_QUESTION)
        if question.overview:
            return self._overview()
        if question.leans_back and self._cited:
            return self._follow_up()
        if not question.terms:
            return Answer(phrasing.NOT_COVERED)
        return self._plain(question.terms)

    def _plain(self, terms: tuple[Term, ...]) -> Answer:
        evidence = gather(terms, self._question.words, self._index)
        coverage = evidence.coverage()
        if float(coverage.max()) < _LEAST_COVERAGE:
            return Answer(phrasing.NOT_COVERED, coverage=float(coverage.max()))
        scores = self._scores(evidence, coverage, terms)
        return self._quoted(scores, float(coverage.max()))

    def _scores(self, evidence: Evidence, coverage: np.ndarray, terms: tuple[Term, ...]) -> np.ndarray:
        own = (evidence.weights[:, None] * evidence.found()).sum(axis=0) / max(1e-6, float(evidence.weights.sum()))
        bm25 = self._index.bm25([term.stem for term in terms])
        bm25 = bm25 / bm25.max() if bm25.max() > 0 else bm25
        kind = np.array([carries(words, self._question.wanted) for words in self._index.words], np.float32)
        return coverage + 0.5 * own + 0.2 * bm25 + 0.25 * kind * (coverage > 0.3)

    def _quoted(self, scores: np.ndarray, coverage: float) -> Answer:
        best = int(np.argmax(scores))
        chosen = [best]
        rivals = [int(place) for place in np.argsort(-scores)[1:3]]
        chosen += [place for place in rivals if scores[place] >= 0.8 * scores[best]]
        passages = [self._index.passages[place] for place in sorted(chosen)]
        numbers = tuple(self._index.passages[place].number for place in chosen)
        return Answer(phrasing.quote(passages, self._turn), numbers, coverage)

    def _follow_up(self) -> Answer:
        context = self._before[-1].terms if self._before else ()
        return self._plain(self._question.terms or context)

    def _overview(self) -> Answer:
        return Answer(phrasing.overview(self._index.passages[:1]), (self._index.passages[0].number,), 1.0)
