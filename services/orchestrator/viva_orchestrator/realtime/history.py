"""The session's history as a conversation changes it: answers cut to what was heard, and questions taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

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
        if self._soon:
            await asyncio.wait(self._soon)

    async def _change(self, item: Item, to: Callable[[PastTurn], PastTurn | None]) -> None:
        if item.turn_id is None:
            return
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
