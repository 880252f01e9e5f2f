"""What one turn's prompt is made of: the lead, as much of the history as fits, and the question with its passages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from viva.errors import VivaError
from viva.events import ContextUse
from viva.passages import Passage, clean_transcript, render_question
from viva_orchestrator.context.leads import Lead
from viva_orchestrator.context.lecture import LectureText
from viva_orchestrator.context.tokens import MESSAGE_TOKENS, Message, estimate
from viva_orchestrator.sessions import PastTurn

# The time lines and the markup around the passages of a question.
FRAME_TOKENS = 48
# A time line comes with a passage that has no neighbour in front of it.
CLOCK_TOKENS = 6


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages of one question, and what of the lecture is in them."""

    messages: list[Message]
    use: ContextUse


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens of the model's context: all of it, what the answer may take, and what passages of a question may take."""

    limit: int | None
    answer: int
    passages: int

    @property
    def prompt(self) -> float:
        """What a prompt may have."""
        return float("inf") if self.limit is None else self.limit - self.answer


class Context:
    """The plan for a turn before the question is known, and the way back from cited numbers to passages."""

    def __init__(
        self,
        text: LectureText,
        lead: Lead,
        room: Room,
        history: Sequence[PastTurn],
        model: str,
        narrow: Callable[[Context, VivaError | None], Context | None],
    ) -> None:
        self.text = text
        self.lead = lead
        self.room = room
        self.model = model
        # Citation marks of another lecture mean its passages.
        self.history = [turn for turn in history if turn.lecture_id == text.transcript.lecture_id]
        self.said_bytes = 0
        """Of the question and the history in the last prompt: no tokenizer makes more tokens than bytes of them."""
        self._narrow = narrow

    def passage(self, number: int) -> Passage | None:
        """The passage that a mark names, or None for a number that the model made up."""
        return self.text.passage(number)

    def narrower(self, error: VivaError | None = None) -> Context | None:
        """The same turn with less of the lecture, after the model refused this; None when that would not help."""
        return self._narrow(self, error)

    def ask(self, question: str) -> Prompt:
        """The prompt for a question: what does not fit of the history is left out, the oldest first."""
        question = clean_transcript(question)
        self.said_bytes = len(question.encode("utf-8", "replace"))
        planned = self.lead.tokens + estimate(question) + MESSAGE_TOKENS
        left = self.room.prompt - planned
        if left < 0 and (narrower := self.narrower()):
            return narrower.ask(question)
        for_passages = min(self.room.passages, left * 2 / 3) if self.lead.kind == "passages" else 0.0
        past, past_tokens = self._recent(left - for_passages)
        self.said_bytes += sum(len(str(message["content"]).encode("utf-8", "replace")) for message in past)
        places, passage_tokens = self._picked(question, min(left - past_tokens, self.room.passages))
        if places:
            question = render_question([self.text.passages[place] for place in places], question)
        shown = len(self.lead.shown.union(places))
        use = ContextUse(self.lead.kind, planned + past_tokens + passage_tokens, self.room.limit, shown)
        return Prompt([*self.lead.messages, *past, {"role": "user", "content": question}], use)

    def _recent(self, tokens: float) -> tuple[list[Message], int]:
        """The newest questions and answers that fit, oldest first, and their tokens."""
        pairs: list[list[Message]] = []
        taken = 0
        for turn in reversed(self.history):
            asked = clean_transcript(turn.question)
            size = estimate(asked) + estimate(turn.raw_answer) + 2 * MESSAGE_TOKENS
            if taken + size > tokens:
                break
            pairs.append([{"role": "user", "content": asked}, {"role": "assistant", "content": turn.raw_answer}])
            taken += size
        return [message for pair in reversed(pairs) for message in pair], taken

    def _picked(self, question: str, tokens: float) -> tuple[list[int], int]:
        """Positions of the passages that matter for a question, in the lecture's order, and their tokens."""
        if self.lead.kind != "passages":
            return [], 0
        last = self.history[-1] if self.history else None
        before = (last.question, last.raw_answer) if last else ("", "")
        picked: list[int] = []
        taken = FRAME_TOKENS
        for place in self.text.index.order(question, *before):
            size = self.text.passage_tokens(place, self.model) + CLOCK_TOKENS
            if taken + size > tokens:
                break
            if place not in self.lead.shown:
                picked.append(place)
                taken += size
        return sorted(picked), taken if picked else 0
