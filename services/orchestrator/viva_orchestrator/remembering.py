"""What of a turn goes into the session's history: the whole of it, or as far as it was heard."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from viva.errors import NotFound, StageUnavailable
from viva.events import Citation
from viva.text import with_marks
from viva_orchestrator.sessions import PastTurn

if TYPE_CHECKING:
    from viva_orchestrator.turn import Turn


@dataclass(frozen=True, slots=True)
class Written:
    """What the model has written so far: with citation marks, and the passages that they name, number by number."""

    raw: str = ""
    lecture_id: str = ""
    cited: tuple[int, ...] = ()
    citations: tuple[Citation, ...] = ()
    degraded: str | None = None


def written(turn: Turn) -> Written:
    """What there is of a turn's answer by now."""
    if turn.recalled is None:
        return Written()
    lecture_id, degraded = turn.recalled.transcript.lecture_id, ",".join(turn.degraded) or None
    return Written(turn.raw_answer, lecture_id, tuple(turn.cited), _citations(turn, turn.cited), degraded)


def past_turn(turn: Turn, answer: str, raw_answer: str, cited: Iterable[int], *, interrupted: bool = False) -> PastTurn:
    """A turn as it is remembered, once its question was understood."""
    return PastTurn(
        turn_id=turn.question.turn_id,
        question=turn.asked,
        answer=answer,
        raw_answer=raw_answer,
        lecture_id=turn.recalled.transcript.lecture_id,
        citations=_citations(turn, cited),
        degraded=",".join(turn.degraded) or None,
        asked_at=time.time(),
        interrupted=interrupted,
        receipt=turn.receipt(),
    )


async def commit(turn: Turn, past: PastTurn) -> bool:
    """Whether the turn is in the history now; without Redis, or once the session was ended, it is not."""
    session, question = turn.recalled.session, turn.question
    begun = session if question.session_id is None else question.begun
    try:
        await turn.parts.sessions.append(session.session_id, past, begun=begun)
    except (StageUnavailable, NotFound) as error:
        structlog.get_logger().warning("history not saved", code=error.code, turn_id=past.turn_id)
        return False
    return True


async def remember(turn: Turn, heard: str) -> bool:
    """Commits a turn that was cancelled, with the beginning of its answer that was `heard`.

    Whether it is in the history now: nothing heard, nothing to remember.
    """
    if turn.recalled is None or not heard.strip():
        return False
    raw, cited = with_marks(turn.raw_answer, heard)
    past = past_turn(turn, heard.strip(), raw, dict.fromkeys(cited), interrupted=True)
    if turn.committing and await _replaced(turn, past):
        return True
    return await commit(turn, past)


async def _replaced(turn: Turn, past: PastTurn) -> bool:
    """Whether the whole answer was there, since the turn was cancelled between its commit and `done`."""
    try:
        return await turn.parts.sessions.change(turn.recalled.session.session_id, past.turn_id, lambda _: past)
    except StageUnavailable:
        return False


def _citations(turn: Turn, cited: Iterable[int]) -> tuple[Citation, ...]:
    """The passages with these numbers, but for numbers that the model made up."""
    lecture_id, context = turn.recalled.transcript.lecture_id, turn.recalled.context
    passages = [passage for number in cited if (passage := context.passage(number)) is not None]
    return tuple(Citation(lecture_id, p.start, p.end, p.text) for p in passages)
