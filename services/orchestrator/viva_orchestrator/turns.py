"""Runs turns: how many at once, until when, and how each one's events reach a transport."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import structlog

from viva import events
from viva.errors import DeadlineExceeded, Overloaded, VivaError
from viva.service.requests import current_request_id
from viva_orchestrator.activity import Activity
from viva_orchestrator.metrics import TurnMetrics
from viva_orchestrator.question import Question
from viva_orchestrator.settings import Settings
from viva_orchestrator.turn import Turn, TurnParts
from viva_orchestrator.waiting_room import Wait, WaitingRoom

# A turn whose client reads slowly waits here; one that nobody reads ends at its deadline.
OUTBOX_EVENTS = 64

Outbox = asyncio.Queue[events.Event | VivaError]


class Turns:
    """Runs turns on the stages: as many at once as `settings.max_active_turns`, and as many as need not wait long."""

    def __init__(self, settings: Settings, parts: TurnParts, metrics: TurnMetrics) -> None:
        self._settings = settings
        self._parts = parts
        self._metrics = metrics
        self._active = 0
        metrics.most.set(settings.max_active_turns)
        self.room = WaitingRoom(tolerance=settings.wait_tolerance, most=settings.max_active_turns)
        metrics.waiting.set_function(lambda: self.room.waiting)
        metrics.most_waiting.set_function(lambda: self.room.limit)

    def require_room(self, transport: str) -> None:
        """Raises Overloaded when a question that comes now would be refused, and counts it as such."""
        try:
            if self._active >= self._settings.max_active_turns:
                raise Overloaded("Too many questions are being answered right now; ask again in a moment.")
            self.room.require_room()
        except Overloaded:
            self._metrics.turns.labels("shed", transport, "").inc()
            self._metrics.shed.inc()
            raise

    async def run(
        self, question: Question, *, transport: str, begun: Callable[[Turn], None] | None = None
    ) -> AsyncIterator[events.Event]:
        """The events of one turn; the last one is `done` or `error`, and there is exactly one of these.

        Raises VivaError instead of yielding when the turn fails before its first event. Closing the generator
        cancels the turn in every stage. `begun` is given the turn itself, which knows what there is so far.
        """
        try:
            if (refused := _refused(question)) is not None:
                raise refused
            self.require_room(transport)
        except Overloaded:
            if question.trace is not None:
                question.trace.end()
            raise
        outbox: Outbox = asyncio.Queue(OUTBOX_EVENTS)

        async def say(event: events.Event) -> None:
            _note(wait, turn, event)
            await outbox.put(event)

        trace = question.trace or self._parts.tracer.begin("turn")
        turn = Turn(self._parts, question, say, trace)
        if begun is not None:
            begun(turn)
        wait = self.room.enter(_kind(question, transport))
        work = asyncio.create_task(self._work(turn, outbox))
        self._count(1)
        work.add_done_callback(lambda _: self._count(-1))
        outcome, first = "cancelled", True
        try:
            while outcome == "cancelled":
                item = await outbox.get()
                if isinstance(item, VivaError):
                    outcome = item.code
                    if first:
                        raise item
                    item = events.Error(item.code, item.message, item.retryable, current_request_id())
                elif isinstance(item, events.Done):
                    outcome = "done"
                first = False
                yield item
        finally:
            work.cancel()
            await asyncio.wait([work])
            wait.left()
            with trace.active():
                if _refused(question) is None:
                    self._metrics.observe(turn, outcome, transport)
                self._log(turn, outcome, transport)
            trace.end()

    async def _work(self, turn: Turn, outbox: Outbox) -> None:
        """Passes the question through the stages; whatever goes wrong ends in one VivaError in the outbox."""
        try:
            with turn.trace.active():
                async with asyncio.timeout(self._settings.turn_deadline_s):
                    await turn.answer_question()
        except TimeoutError:
            _end(outbox, DeadlineExceeded("The answer took too long and was given up; ask again."))
        except Exception as error:
            _end(outbox, _our_error(error))

    def _log(self, turn: Turn, outcome: str, transport: str) -> None:
        """Says how a turn went; its trace alone has the ids of session and lecture, which are secrets."""
        receipt, degraded = turn.receipt(), ",".join(turn.degraded)
        turn.trace.set(transport=transport, outcome=outcome, degraded=degraded, turn_id=turn.question.turn_id)
        if turn.recalled is not None:
            session, lecture = turn.recalled.session, turn.recalled.transcript
            turn.trace.set(session_id=session.session_id, lecture_id=lecture.lecture_id)
        structlog.get_logger().info(
            "turn",
            turn_id=turn.question.turn_id,
            transport=transport,
            outcome=outcome,
            degraded=degraded or None,
            first_audio_ms=receipt.first_audio_ms,
            ms=receipt.total_ms,
        )

    @property
    def activity(self) -> Activity:
        """Which sessions are in use."""
        return self._metrics.activity

    @property
    def active(self) -> int:
        """Turns being answered right now."""
        return self._active

    def _count(self, change: int) -> None:
        self._active += change
        self._metrics.active.set(self._active)


def _kind(question: Question, transport: str) -> tuple[bool, bool, bool]:
    """Questions of one kind wait about as long as each other for the first words of their answers."""
    spoken = question.audio is not None or question.hearing is not None
    return transport == "realtime", spoken, question.audio_format is not None


def _refused(question: Question) -> Overloaded | None:
    """Why what was said was not even heard, where there was no room: `require_room` has counted that already."""
    hearing = question.hearing
    if hearing is None or not hearing.done() or hearing.cancelled():
        return None
    error = hearing.exception()
    return error if isinstance(error, Overloaded) and error.code == Overloaded.default_code else None


def _note(wait: Wait, turn: Turn, event: events.Event) -> None:
    """Ends the wait with the first words that are said, or shown where nothing is to be said."""
    if turn.question.audio_format is None or turn.speaking.failures:
        begun = isinstance(event, events.AnswerDelta)
    else:
        begun = isinstance(event, events.Audio)
    if begun and "llm_first_token_ms" in turn.times:
        wait.heard(time.monotonic() - turn.started)
    elif begun:  # no model was asked, so that nothing is learned from how soon that was
        wait.left()


def _end(outbox: Outbox, error: VivaError) -> None:
    """Events that nobody has read by now make room for the error."""
    if outbox.full():
        outbox.get_nowait()
    outbox.put_nowait(error)


def _our_error(error: Exception) -> VivaError:
    """The error of ours, also out of a task group; what nobody expected goes to the log with its traceback."""
    cause: BaseException = error
    while isinstance(cause, BaseExceptionGroup):
        ours = [inner for inner in cause.exceptions if isinstance(inner, VivaError | BaseExceptionGroup)]
        cause = ours[0] if ours else cause.exceptions[0]
    if isinstance(cause, VivaError):
        return cause
    structlog.get_logger().error("turn failed", exc_info=error)
    return VivaError("Something went wrong on our side; ask again.")
