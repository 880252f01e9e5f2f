"""Answers questions about a lecture by quoting it; needs no model, and never says more than the lecture does.

The transcript comes from a recogniser that gets one word in five to ten wrong, and mostly those that are asked about,
for they are the rare ones. The question may come from it, too. So the method is about weighing evidence:

1. `question` takes the question apart: the words that carry information, and the kind of answer wanted (a date, a
   number, a reason). Politeness, "the lecture says" and the like carry none.
2. `evidence` looks every such word up in every passage, in three ways: by letters (stem, or one of its family), by
   meaning (WordNet), and by sound. For that the phones of the word are aligned with the phones of the whole lecture
   end to end, across word boundaries ("jermaine me um" is germanium), and the likeness is weighed against how often
   chance does as well, against how seldom a common word is misheard, and by whether other words of the question were
   found near by.
3. `ranking` decides and orders. Coverage is the share of the question that is found in a passage and its neighbours,
   each word weighed by its rarity in English and in this lecture; words that the opening announces weigh little, since
   they are true of the whole lecture. Where coverage is too low anywhere, the answer is that the lecture does not
   cover it. Else passages are ordered by what they hold themselves, what is around them, BM25, and the kind of answer.
4. `phrasing` quotes one to three passages, word for word.

A question that leans on the one before ("and in which year was that?") is looked up near the passages that were cited
last, and in the light of the words asked before; its own words still have to be found there.

docs/decisions/0003-extractive-answers.md says why it is so, and how the numbers were found.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np

from viva.passages import parse_lecture
from viva_llm.extractive import phrasing
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.language import Language
from viva_llm.extractive.question import Term, Wanted, parse_question
from viva_llm.extractive.ranking import Findings, central_passages, choose

_MARK = re.compile(r"\[(\d+)\]")
_LEAST_COVERAGE = 0.56
_LEAST_OWN_WEIGHT = 0.5
_NEAR_ENOUGH = 0.2
_HEARD_ALREADY = 0.3
_JUST_QUOTED = 0.75  # who heard a passage may still ask about it, but less likely than about what follows
_PLAINLY = 0.5  # of the kind asked for, not just perhaps


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
        self._most_cached = cached_lectures
        self._indices: OrderedDict[str, LectureIndex] = OrderedDict()
        self._lock = Lock()

    def answer(self, messages: list[dict]) -> Answer:
        """Answers the last user message of an OpenAI chat from the lecture in its system message."""
        return _Turn(messages, self._index(messages), self._language).answer()

    @property
    def cached_lectures(self) -> int:
        """How many lectures are held ready."""
        return len(self._indices)

    def _index(self, messages: list[dict]) -> LectureIndex:
        text = "\n".join(
            text_of(message) for message in messages if message.get("role") in ("system", "developer")
        )
        with self._lock:
            if text in self._indices:
                self._indices.move_to_end(text)
                return self._indices[text]
        index = LectureIndex(parse_lecture(text), self._language)
        with self._lock:
            self._indices[text] = index
            while len(self._indices) > self._most_cached:
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
        self._question = parse_question(asked[-1] if asked else "", language)
        self._before = [parse_question(text, language) for text in asked[:-1]]
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
        if question.leans_back and (self._cited or self._before):
            return self._follow_up()
        if not question.terms:
            return Answer(phrasing.NOT_COVERED)
        return self._plain(question.terms)

    def _plain(self, terms: tuple[Term, ...]) -> Answer:
        found = Findings(self._question, terms, self._index)
        if found.best_coverage < _LEAST_COVERAGE:
            return Answer(phrasing.NOT_COVERED, coverage=found.best_coverage)
        return self._quoted(found.scores(), found.coverage)

    def _quoted(self, scores: np.ndarray, coverage: np.ndarray) -> Answer:
        chosen = choose(scores, self._question, self._index)
        best = chosen[0]  # said first: the listener waits for it; then what carries on from it
        spoken = [best, *sorted(chosen[1:], key=lambda place: (place != best + 1, place))]
        passages = [self._index.passages[place] for place in spoken]
        numbers = tuple(self._index.passages[place].number for place in chosen)
        return Answer(phrasing.quote(passages, self._turn), numbers, float(coverage[chosen[0]]))

    def _follow_up(self) -> Answer:
        question = self._question
        context = self._context_terms()
        nearness = self._nearness()
        own = sum(term.weight for term in question.terms if not term.verb)
        found = Findings(question, question.terms, self._index, context=context)
        if not self._cited:
            return self._plain((*question.terms, *context))
        if own < _LEAST_OWN_WEIGHT:
            return self._carry_on(found, nearness)
        placed = np.maximum(nearness, found.context_coverage * (found.context_coverage >= _LEAST_COVERAGE))
        local = found.coverage * (placed >= 0.3)
        if float(local.max()) >= _LEAST_COVERAGE:
            scores = found.scores() + 0.5 * nearness + 0.3 * found.context_coverage
            return self._quoted(np.where(local >= 0.7 * local.max(), scores, 0.0), found.coverage)
        if found.best_coverage >= _LEAST_COVERAGE and not question.points_back:
            return self._quoted(found.scores(), found.coverage)
        return Answer(phrasing.NOT_SAID_THERE, coverage=float(local.max()))

    def _carry_on(self, found: Findings, nearness: np.ndarray) -> Answer:
        """For a question with no subject of its own: looks in and after what was cited for the kind of thing asked."""
        kind = found.kind
        if self._question.wanted is not Wanted.ANYTHING:
            reach = nearness * (kind >= _PLAINLY)
            if float(reach.max()) < _NEAR_ENOUGH:
                if self._question.wanted is not Wanted.REASON:
                    return Answer(phrasing.NOT_SAID_THERE)
                reach = nearness.copy()
            reach[self._cited] *= _JUST_QUOTED
            return self._quoted(
                reach + 0.3 * kind * nearness + 0.3 * found.coverage * (reach > 0),
                np.maximum(nearness, found.coverage),
            )
        fresh = nearness.copy()
        if self._question.asks_more:
            fresh[self._cited] *= _HEARD_ALREADY
        return self._quoted(
            fresh + 0.4 * found.coverage * (nearness > 0.2) + 0.2 * found.context_coverage * (nearness > 0.2),
            nearness,
        )

    def _context_terms(self) -> tuple[Term, ...]:
        """The words of the questions before, back to the first that stands by itself."""
        terms: list[Term] = []
        for question in reversed(self._before):
            terms += [term for term in question.terms if term.stem not in {known.stem for known in terms}]
            if not question.leans_back:
                break
        own = {term.stem for term in self._question.terms}
        return tuple(term for term in terms if term.stem not in own)

    def _nearness(self) -> np.ndarray:
        """(passages,) 0..1: how near to what was cited last; what follows is nearer than what went before."""
        places = np.arange(len(self._index))
        near = np.zeros(len(self._index), np.float32)
        for cited in self._cited:
            distance = places - cited
            np.maximum(near, np.exp(-np.where(distance >= 0, distance / 3.0, -distance / 1.2)), out=near)
        return near

    def _overview(self) -> Answer:
        opening, *central = central_passages(self._index)
        passages = [self._index.passages[place] for place in (opening, *central)]
        return Answer(phrasing.overview(passages), tuple(passage.number for passage in passages), 1.0)
