"""One version of a lecture as prompts show it: made once, and the same bytes for every turn and session."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from viva.passages import Passage, number_passages, render_lecture
from viva_orchestrator.context import instructions
from viva_orchestrator.context.ranking import PassageIndex
from viva_orchestrator.context.tokens import Message, estimate, estimate_messages
from viva_orchestrator.lectures.model import Transcript

if TYPE_CHECKING:
    from viva_orchestrator.context.leads import Lead

# Rendering an hour takes some milliseconds: longer lectures are prepared off the event loop.
SEGMENTS_AT_ONCE = 300
# The estimate for one passage may be off by more than that for all of them together.
PASSAGE_MARGIN = 1.1


@dataclass
class LectureText:
    """The passages of a lecture, its prefix, and what is known of its tokens."""

    transcript: Transcript
    counted: dict[str, int] = field(default_factory=dict)  # model -> tokens of `messages`, template and all
    counting: dict[str, asyncio.Task[None]] = field(default_factory=dict)  # model -> the count under way
    awaited: set[str] = field(default_factory=set)  # models whose count a turn has waited for
    parts: dict[int, Lead] = field(default_factory=dict)  # tokens -> the lead that shows the lecture in so many

    @cached_property
    def passages(self) -> list[Passage]:
        """All of them, numbered from 1."""
        return number_passages(self.transcript.segments)

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """The instructions and the whole transcript."""
        lecture = render_lecture(self.passages, title=self.transcript.title)
        return ({"role": "system", "content": f"{instructions.WHOLE}\n{lecture}"},)

    @cached_property
    def estimated(self) -> int:
        """Tokens of `messages` when nobody counts them."""
        return estimate_messages(self.messages)

    @cached_property
    def index(self) -> PassageIndex:
        """The passages, ready to be searched."""
        return PassageIndex(self.passages)

    @cached_property
    def _estimates(self) -> list[int]:
        return [estimate(f"[{passage.number}] {passage.text}\n") for passage in self.passages]

    def tokens(self, model: str) -> int:
        """Tokens of `messages` for a model: counted if they were, else estimated."""
        return self.counted.get(model) or self.estimated

    def passage_tokens(self, place: int, model: str) -> int:
        """Tokens of one passage, from what the whole lecture was counted to have."""
        ratio = self.counted.get(model, self.estimated) / self.estimated
        return math.ceil(self._estimates[place] * ratio * PASSAGE_MARGIN) + 1

    def passage(self, number: int) -> Passage | None:
        """The passage that a mark names, or None for a number that the model made up."""
        return self.passages[number - 1] if 0 < number <= len(self.passages) else None

    def sample(self, tokens: int) -> list[int]:
        """Positions of passages that show what the lecture is about in so many estimated tokens.

        Pairs at even distances, the first of them the beginning. Does not depend on what was counted, so that every
        replica chooses the same.
        """
        count = len(self.passages)
        pairs = min(count, int(tokens * count / (2 * sum(self._estimates)))) if count else 0
        starts = [round(at * count / pairs) for at in range(pairs)]
        return sorted({place for start in starts for place in (start, start + 1) if place < count})


class LectureTexts:
    """The lectures that were asked about last, each in its newest version."""

    def __init__(self, *, most: int) -> None:
        self._most = max(1, most)
        self._texts: OrderedDict[str, LectureText] = OrderedDict()

    async def of(self, transcript: Transcript) -> LectureText:
        """The text of a transcript; made anew only when there is more of it."""
        held = self._texts.get(transcript.lecture_id)
        if held is None or not _same(held.transcript, transcript):
            held = LectureText(transcript)
            if len(transcript.segments) > SEGMENTS_AT_ONCE:
                await asyncio.to_thread(lambda: held.estimated)
            self._texts[transcript.lecture_id] = held
        self._texts.move_to_end(transcript.lecture_id)
        while len(self._texts) > self._most:
            self._texts.popitem(last=False)
        return held

    async def close(self) -> None:
        """End the counts that are under way."""
        counting = [task for text in self._texts.values() for task in text.counting.values()]
        for task in counting:
            task.cancel()
        if counting:
            await asyncio.wait(counting)


def _same(one: Transcript, other: Transcript) -> bool:
    # A finished transcript is the same object from turn to turn; comparing a long one costs a millisecond.
    if (one.title, one.status) != (other.title, other.status):
        return False
    return one.segments is other.segments or one.segments == other.segments
