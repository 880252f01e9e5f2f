"""The responses of one conversation: at most one that is active in it, and a few that stand alone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from viva.errors import Conflict, InvalidRequest, TooLarge
from viva_orchestrator.question import Question
from viva_orchestrator.realtime.client_events import client_item
from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.history import History
from viva_orchestrator.realtime.items import Item
from viva_orchestrator.realtime.keeper import Keeper
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.realtime.parts import RealtimeParts
from viva_orchestrator.realtime.reply import Reply, Wanted
from viva_orchestrator.realtime.response import Response
from viva_orchestrator.realtime.transcribing import Transcribing
from viva_orchestrator.sessions import Session

# Responses that one client may have beside the conversation's own.
ALONE_AT_ONCE = 4


class Responses:
    """Begins, interrupts and ends them; `idle` is called whenever the conversation's own has ended.

    `session` is the one that turns are about; `unstored` says that it could not be stored yet.
    """

    def __init__(
        self,
        parts: RealtimeParts,
        session: Session,
        conversation: Conversation,
        transcribing: Transcribing,
        history: History,
        keeper: Keeper,
        outgoing: Outgoing,
        *,
        unstored: bool,
        idle: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._session = session
        self._conversation = conversation
        self._transcribing = transcribing
        self._history = history
        self._keeper = keeper
        self._out = outgoing
        self._unstored = unstored
        self._idle = idle
        self._active: Response | None = None
        self._alone: set[Response] = set()
        self._next: Callable[[], None] | None = None

    @property
    def active(self) -> Response | None:
        """The one that answers in the conversation now."""
        return self._active

    @property
    def all(self) -> list[Response]:
        """Those that are under way, also beside the conversation."""
        return [*self._alone, *([self._active] if self._active is not None else [])]

    async def begin_asked(self, options: dict[str, Any], session: Configuration, lecture_id: str | None) -> None:
        """The client asks for a response, which takes the place of one that nobody was told of yet."""
        if not _is_alone(options):
            self._next = None
            if self._active is not None and not self._active.reply.created:
                await self._active.cancel("client_cancelled")
        self.begin(session.updated(options), lecture_id, options, at_once=True)

    def begin_heard(self, wanted: Configuration, lecture_id: str | None) -> None:
        """Answers what somebody has just said, at once or when the answer has ended that may not be interrupted."""
        if self._active is None:
            self.begin(wanted, lecture_id, {}, at_once=False)
        else:
            self._next = partial(self.begin_heard, wanted, lecture_id)

    def begin(self, wanted: Configuration, lecture_id: str | None, options: dict[str, Any], *, at_once: bool) -> None:
        """Begins to answer. Raises Conflict while another response is active."""
        reply = self._reply(wanted, options)
        alone = not reply.wanted.in_conversation
        if (len(self._alone) >= ALONE_AT_ONCE) if alone else (self._active is not None):
            raise Conflict(
                "Conversation already has an active response.",
                code="conversation_already_has_active_response",
            )
        try:
            question = self._question(reply, lecture_id, options)
        except InvalidRequest as error:
            self._out.put(reply.fail(error))
            return
        response = Response(self._parts.turns, question, reply, self._out, self._history, ended=self._ended)
        if alone:
            self._alone.add(response)
        else:
            self._active = response
            self._keeper.answering(reply.turn_id, time.time() + self._parts.settings.turn_deadline_s)
        response.start(at_once=at_once)

    async def cancel_asked(self, response_id: str | None) -> None:
        """The client does not want an answer any more: this one, or that in the conversation.

        Raises InvalidRequest when it is not under way.
        """
        found = self._active
        if response_id is not None:
            found = next((response for response in self.all if response.reply.id == response_id), None)
        if found is None:
            raise InvalidRequest("Cancellation failed: no active response found.", code="response_cancel_not_active")
        await self._cut_short(found, "client_cancelled")

    async def cancel_deleted(self, item: Item) -> None:
        """Ends the answer that is, or answers, an item that was deleted; one that is still being transcribed ends it
        by itself."""
        active = self._active
        transcribing = item.role == "user" and item.status == "in_progress"
        if active is not None and item.turn_id == active.reply.turn_id and not transcribing:
            await self._cut_short(active, "client_cancelled")

    async def interrupt(self, reason: str) -> None:
        """Cuts the active response short, if there is one."""
        if self._active is not None:
            await self._cut_short(self._active, reason)

    async def _cut_short(self, response: Response, reason: str) -> None:
        if not response.cancelling:
            self._parts.metrics.interruptions.labels(reason).inc()
        await response.cancel(reason)

    async def finish(self, seconds: float) -> None:
        """Lets the active response end, in writing only; cancels it when that takes longer."""
        self._next = None
        if self._active is not None:
            self._active.mute()
            await self._active.wait(seconds)
        await self.close()

    async def close(self) -> None:
        """Cancels all of them."""
        self._next = None
        for response in self.all:
            await response.cancel("client_cancelled")

    def _reply(self, wanted: Configuration, options: dict[str, Any]) -> Reply:
        metadata = options.get("metadata")
        shape = Wanted(
            speaks=wanted.speaks,
            voice=wanted.voice,
            speed=wanted.speed,
            output_format=wanted.output_format,
            metadata=metadata if isinstance(metadata, dict) else None,
            in_conversation=not _is_alone(options),
        )
        turn_id = f"turn_{secrets.token_hex(12)}"
        return Reply(shape, self._conversation, f"conv_{self._session.session_id}", turn_id)

    def _question(self, reply: Reply, lecture_id: str | None, options: dict[str, Any]) -> Question:
        """What is to be answered, and what was said before. Raises InvalidRequest when nothing was, or too much."""
        wanted = reply.wanted
        given = _given(options)
        context = self._conversation if given is None else given
        items = context.question()
        hearing = self._transcribing.words(items)
        text = " ".join(item.text for item in items if item.text)
        if hearing is None and not text:
            raise InvalidRequest("There is no question to answer yet: say or type one.", code="no_question")
        if len(text) > (most := self._parts.settings.question_max_characters):
            raise TooLarge(f"The question may have {most:,} characters at most.")
        if wanted.in_conversation:
            for item in items:
                self._conversation.replace(replace(item, turn_id=reply.turn_id))
        return Question(
            text=text,
            hearing=hearing,
            trace=self._transcribing.trace(items),
            session_id=self._session.session_id if wanted.in_conversation else None,
            keep=wanted.in_conversation,
            recalls=given is None,
            lecture_id=lecture_id,
            voice=wanted.voice,
            audio_format="pcm" if wanted.speaks else None,
            # The codecs of telephones are fed with whole clauses: at the edges of what they are given they crackle.
            in_pieces=wanted.output_format.type == "audio/pcm",
            speed=wanted.speed,
            history=context.history(items, lecture_id),
            begun=self._session if self._unstored and wanted.in_conversation else None,
            turn_id=reply.turn_id,
        )

    def _ended(self, response: Response) -> None:
        self._alone.discard(response)
        if response is self._active:
            self._ended_active(response)
        self._idle()

    def _ended_active(self, response: Response) -> None:
        self._active = None
        reply = response.reply
        self._keeper.answering(reply.turn_id, None)
        if not reply.created:
            # Who goes on speaking before the answer began has not finished the question.
            for item in self._conversation:
                if item.turn_id == reply.turn_id:
                    self._conversation.replace(replace(item, turn_id=None))
        if reply.saved:
            self._unstored = False
        if reply.stopped_ms is not None and reply.item is not None:
            self._history.cut_soon(reply.item)
        if (following := self._next) is not None:
            self._next = None
            following()


def _is_alone(options: dict[str, Any]) -> bool:
    return options.get("conversation") == "none"


def _given(options: dict[str, Any]) -> Conversation | None:
    """What stands in the conversation's place, if the client gives that with the response itself."""
    given = options.get("input")
    if not isinstance(given, list):
        return None
    return Conversation(client_item(item) for item in given if isinstance(item, dict))
