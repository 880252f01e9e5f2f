"""The session's history as a conversation changes it: answers cut to what was heard, and questions taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from viva.errors import StageUnavailable
from viva_orchestrator.realtime.items import Item
from viva_orchestrator.sessions import PastTurn, Sessions


class History:
    """The committed turns of one session. Without Redis nothing is changed, which is logged."""

    def __init__(self, sessions: Sessions, session_id: str) -> None:
        self._sessions = sessions
        self._session_id = session_id
        self._soon: set[asyncio.Task[None]] = set()
        self._remembering: dict[str, asyncio.Task[bool]] = {}

    def remember(self, turn_id: str, commit: Coroutine[Any, Any, bool]) -> None:
        """Commits what was heard of a turn, without waiting for it; what changes the turn afterwards does."""
        task = asyncio.create_task(commit)
        self._remembering[turn_id] = task
        task.add_done_callback(lambda task: self._remembered(turn_id, task))

    async def cut(self, answer: Item) -> None:
        """The turn ends where its answer's item does; without a word of it there is no turn."""
        await self._change(answer, lambda turn: _as_heard(turn, answer))

    def cut_soon(self, answer: Item) -> None:
        """The same, without waiting for it."""
        task = asyncio.create_task(self.cut(answer))
        self._soon.add(task)
        task.add_done_callback(self._soon.discard)

    async def forget(self, item: Item) -> None:
        """The turn that an item is of goes."""
        await self._change(item, lambda turn: None)

    async def close(self) -> None:
        """Waits for what is to happen soon."""
        if soon := {*self._soon, *self._remembering.values()}:
            await asyncio.wait(soon)

    def _remembered(self, turn_id: str, task: asyncio.Task[bool]) -> None:
        self._remembering.pop(turn_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            structlog.get_logger().error("turn not remembered", turn_id=turn_id, exc_info=error)

    async def _change(self, item: Item, to: Callable[[PastTurn], PastTurn | None]) -> None:
        if item.turn_id is None:
            return
        if (remembering := self._remembering.get(item.turn_id)) is not None:
            await asyncio.wait([remembering])
        try:
            await self._sessions.change(self._session_id, item.turn_id, to)
        except StageUnavailable:
            structlog.get_logger().warning("history not changed", turn_id=item.turn_id)


def _as_heard(turn: PastTurn, answer: Item) -> PastTurn | None:
    if not answer.text:
        return None
    return replace(
        turn,
        answer=answer.text,
        raw_answer=answer.answer.raw,
        citations=answer.parts[0].citations,
        interrupted=answer.status == "incomplete",
    )
