"""Answers questions about a lecture by quoting it; needs no language model, and never says more than the lecture does.

The transcript comes from a recogniser that gets one word in ten wrong, and mostly those that are asked about,
for they are the rare ones. The question may come from it, too. So the method is about weighing evidence:

1. `question` takes the question apart: the words that carry information, and the kind of answer wanted (a date, a
   number, a reason). Politeness, "the lecture says" and the like carry none.
2. `evidence` looks every such word up in every passage, in three ways: by letters (the stem), by meaning (WordNet),
   and by sound. For that the phones of the word are aligned with the phones of the whole lecture end to end, across
   word boundaries ("jermaine me um" is germanium), and the likeness is weighed against how often chance does as well,
   against how seldom a common word is misheard, and by whether other words of the question were found near by.
3. `sentence_model` says how near each passage is to the whole question in meaning, whatever the words.
4. `features` puts that, with BM25 and the kind of answer, into a few numbers that say nothing of the subject, and
   `ranking` weighs them twice, with weights learnt from questions about other lectures (`weights`): which passages
   are likely to answer, and whether the likeliest do; `quoted` is about the detail that is asked for, which they may
   leave out. Where they do not answer, the answer is that the lecture does not cover it.
5. `phrasing` quotes one to three passages, word for word, as many as it takes to be sure that the right one is there.

A question that leans on the one before ("and in which year was that?") is looked up near the passages that were cited
last, and in the light of the words asked before; its own words still have to be found there.

docs/decisions/0003-extractive-answers.md says why it is so, and benchmarks/train_answerer.py learns the weights.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np

from viva.passages import Passage, parse_lecture, split_question
from viva_llm.extractive import phrasing
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.language import Language
from viva_llm.extractive.question import Term, Wanted, parse_question
from viva_llm.extractive.ranking import Findings, central_passages, choose
from viva_llm.extractive.weights import Weights

_MARK = re.compile(r"\[(\d+)\]")
_LEAST_CONTEXT = 0.56  # of the questions before, found around a passage: then it is on the same subject
_LEAST_OWN_WEIGHT = 0.5
_NEAR_BEFORE, _NEAR_AFTER = 2, 5  # passages
_HEARD_ALREADY = 3.0  # log-odds against what was cited, where more is asked for
_PLAINLY = 0.5  # of the kind asked for, not just perhaps


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is to be spoken and carries marks like "[12]"; `passages` are the numbers cited, best first."""

    text: str
    passages: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def refused(self) -> bool:
        """Whether nothing of the lecture is cited."""
        return not self.passages


class Answerer:
    """Stateless but for a bounded cache of lecture indices; safe to call from several threads."""

    def __init__(self, *, cached_lectures: int = 16, weights: Weights | None = None) -> None:
        """`weights`: others than those in the package, for one who trains them."""
        self._language = Language()
        self._weights = weights or Weights.read()
        self._most_cached = cached_lectures
        self._indices: OrderedDict[str, LectureIndex] = OrderedDict()
        self._building: dict[str, Lock] = {}
        self._lock = Lock()

    def answer(self, messages: list[dict]) -> Answer:
        """Answers the last user message of an OpenAI chat from the lecture in its system message.

        Passages of a long lecture may stand before the question, too (`viva.passages.render_question`).
        """
        asked = messages[-1:] if messages and messages[-1].get("role") == "user" else []
        given, question = split_question("".join(map(text_of, asked)))
        if given:
            messages = [*messages[:-1], {"role": "user", "content": question}]
        return _Turn(messages, self._index(messages, given), self._language, self._weights).answer()

    @property
    def cached_lectures(self) -> int:
        """How many lectures are held ready."""
        return len(self._indices)

    def _index(self, messages: list[dict], given: list[Passage]) -> LectureIndex:
        text = "\n".join(text_of(message) for message in messages if message.get("role") in ("system", "developer"))
        if given:  # other ones with every question, so that keeping them would only displace whole lectures
            by_number = {passage.number: passage for passage in (*parse_lecture(text), *given)}
            return LectureIndex([by_number[number] for number in sorted(by_number)], self._language)
        with self._lock:
            building = self._building.setdefault(text, Lock())
        # An hour of lecture takes a second: whoever asks about it meanwhile waits, rather than build it again.
        with building:
            with self._lock:
                if text in self._indices:
                    self._indices.move_to_end(text)
                    self._building.pop(text, None)
                    return self._indices[text]
            index = LectureIndex(parse_lecture(text), self._language)
            with self._lock:
                self._indices[text] = index
                self._building.pop(text, None)
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

    def __init__(self, messages: list[dict], index: LectureIndex, language: Language, weights: Weights) -> None:
        self._index = index
        self._weights = weights
        self._anywhere = np.ones(len(index), bool)
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

    def _find(self, terms: tuple[Term, ...]) -> Findings:
        return Findings(self._question, terms, self._index, self._weights)

    def _plain(self, terms: tuple[Term, ...]) -> Answer:
        found = self._find(terms)
        if found.covered(self._anywhere) < 0.0:
            return Answer(phrasing.NOT_COVERED)
        return self._quoted(found.scores)

    def _quoted(self, scores: np.ndarray) -> Answer:
        chosen = choose(scores, self._index)
        best = chosen[0]  # said first: the listener waits for it; then what carries on from it
        spoken = [best, *sorted(chosen[1:], key=lambda place: (place != best + 1, place))]
        passages = [self._index.passages[place] for place in spoken]
        numbers = tuple(self._index.passages[place].number for place in chosen)
        return Answer(phrasing.quote(passages, self._turn), numbers)

    def _follow_up(self) -> Answer:
        question = self._question
        before = self._context_terms()
        if not self._cited:
            return self._plain((*question.terms, *before))
        context = self._find(before).coverage
        found = self._find(question.terms)
        scores = found.following(self._cited, context)
        near = self._near()
        if sum(term.weight for term in question.terms if not term.verb) < _LEAST_OWN_WEIGHT:
            return self._carry_on(found, np.where(near, scores, -np.inf))
        placed = near | (context >= _LEAST_CONTEXT)
        if found.covered(placed) >= 0.0:
            return self._quoted(np.where(placed, scores, -np.inf))
        if found.covered(self._anywhere) >= 0.0 and not question.points_back:
            return self._quoted(found.scores)
        return Answer(phrasing.NOT_SAID_THERE)

    def _carry_on(self, found: Findings, scores: np.ndarray) -> Answer:
        """For a question with no subject of its own: the kind of thing asked has to be near what was cited."""
        if self._question.asks_more:
            scores[self._cited] -= _HEARD_ALREADY
        there = np.isfinite(scores) & (found.kind >= _PLAINLY)
        if self._question.wanted in (Wanted.TIME, Wanted.NUMBER) and not there.any():
            return Answer(phrasing.NOT_SAID_THERE)
        return self._quoted(scores)

    def _context_terms(self) -> tuple[Term, ...]:
        """The words of the questions before, back to the first that stands by itself."""
        terms: list[Term] = []
        for question in reversed(self._before):
            terms += [term for term in question.terms if term.stem not in {known.stem for known in terms}]
            if not question.leans_back:
                break
        own = {term.stem for term in self._question.terms}
        return tuple(term for term in terms if term.stem not in own)

    def _near(self) -> np.ndarray:
        """(passages,): whether a passage is near one that was cited last; what follows may be further away."""
        near = np.zeros(len(self._index), bool)
        for cited in self._cited:
            near[max(0, cited - _NEAR_BEFORE) : cited + _NEAR_AFTER + 1] = True
        return near

    def _overview(self) -> Answer:
        opening, *central = central_passages(self._index)
        passages = [self._index.passages[place] for place in (opening, *central)]
        return Answer(phrasing.overview(passages), tuple(passage.number for passage in passages))
