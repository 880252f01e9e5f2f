"""One turn as a response: run, cancelled, and told to the client as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import structlog

from viva import events
from viva.errors import VivaError
from viva_orchestrator.question import Question
from viva_orchestrator.realtime.history import History
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.realtime.reply import NOTHING, Reply
from viva_orchestrator.remembering import Written, remember, written
from viva_orchestrator.turn import Turn
from viva_orchestrator.turns import Turns


class Response:
    """Runs from `start` until it is done, fails or is cancelled; `ended` is called then, once."""

    def __init__(
        self,
        turns: Turns,
        question: Question,
        reply: Reply,
        outgoing: Outgoing,
        history: History,
        *,
        ended: Callable[[Response], None],
    ) -> None:
        self.reply = reply
        self.question = question
        self._turns = turns
        self._outgoing = outgoing
        self._history = history
        self._ended = ended
        self._turn: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelling: asyncio.Task[None] | None = None

    def start(self, *, at_once: bool) -> None:
        """Begins; `at_once` says so to the client now rather than when the question has been understood."""
        if at_once:
            self._outgoing.put(self.reply.create())
        self._task = asyncio.create_task(self._run())

    def mute(self) -> None:
        """The rest of the answer is written and committed, but not spoken: its client is gone for now."""
        if self._turn is not None:
            self._turn.speaking.muted = True

    async def wait(self, seconds: float) -> bool:
        """Waits for the end; whether it came in time."""
        done, _ = await asyncio.wait([self._task], timeout=seconds)
        return bool(done)

    @property
    def cancelling(self) -> bool:
        """Whether it is being cancelled already."""
        return self._cancelling is not None

    async def cancel(self, reason: str) -> None:
        """Stops the work in every stage and says that the response was cancelled, whoever else cancels it as well.

        What was sent of the answer is remembered, which nobody waits for: Redis may be slow. It goes on when whoever
        waits here is cancelled.
        """
        if self._cancelling is None:
            self._cancelling = asyncio.create_task(self._cancel(reason))
        await asyncio.shield(self._cancelling)

    async def _cancel(self, reason: str) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self.reply.ended:  # it may have been in this very moment
            try:
                self._outgoing.put([*self.reply.break_off(self._written), *self.reply.cancelled(reason)])
            except Exception:
                self._give_up()
            else:
                if self._turn is not None and self.reply.remembered:
                    self._history.remember(self.reply.turn_id, remember(self._turn, self.reply.item.text))
        self._end()

    @property
    def _written(self) -> Written:
        return written(self._turn) if self._turn is not None else NOTHING

    def _begun(self, turn: Turn) -> None:
        self._turn = turn

    async def _run(self) -> None:
        try:
            await self._tell()
        except Exception:
            self._give_up()
        self._end()

    async def _tell(self) -> None:
        """The turn's events, to their end."""
        try:
            turn = self._turns.run(self.question, transport="realtime", begun=self._begun)
            async with aclosing(turn):
                async for event in turn:
                    self._outgoing.put(self._told(event))
                    await self._outgoing.room()
        except VivaError as error:
            if error.code == "no_speech" and not self.reply.created:
                self.reply.ended = True  # a cough: nobody asked for an answer
            else:
                self._outgoing.put(self.reply.fail(error, self._written))

    def _give_up(self) -> None:
        """A mistake of ours: the client is told all the same that the response is over."""
        structlog.get_logger().exception("response failed", turn_id=self.question.turn_id)
        self._outgoing.put(self.reply.give_up(VivaError("Something went wrong on our side.")))

    def _end(self) -> None:
        ended, self._ended = self._ended, lambda _: None
        ended(self)

    def _told(self, event: events.Event) -> list[dict]:
        match event:
            case events.Done():
                return self.reply.complete(event, self._written)
            case events.Error():
                return self.reply.fail(event, self._written)
        return self.reply.feed(event)
