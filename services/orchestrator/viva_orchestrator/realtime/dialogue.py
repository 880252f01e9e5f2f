"""What a client asks for, and what becomes of it: the conversation behind one connection."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from viva.errors import Conflict, InvalidRequest, StageUnavailable, TooLarge, VivaError
from viva_orchestrator.realtime import client_events as asked
from viva_orchestrator.realtime import server_events as out
from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.items import Item, Part, new_item_id
from viva_orchestrator.realtime.listening import Heard, Listener, Partial, SpeechStarted, SpeechStopped
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.realtime.packed_history import items_in
from viva_orchestrator.realtime.parts import RealtimeParts
from viva_orchestrator.realtime.reply import Reply, Wanted, cut
from viva_orchestrator.realtime.response import Response
from viva_orchestrator.realtime.resume import Keeper
from viva_orchestrator.realtime.transcribing import Transcribing
from viva_orchestrator.sessions import PastTurn, Session
from viva_orchestrator.turn import Question


class Dialogue:
    """One conversation: its items, its configuration, its ear, and the one response that may be active.

    `idle` is called whenever a response has ended.
    """

    def __init__(
        self,
        parts: RealtimeParts,
        session_id: str,
        lecture_id: str | None,
        configuration: Configuration,
        conversation: Conversation,
        outgoing: Outgoing,
        unstored: Session | None = None,
        *,
        idle: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._session_id = session_id
        self._lecture_id = lecture_id
        self._configuration = configuration
        self._conversation = conversation
        self._out = outgoing
        self._unstored = unstored
        self._idle = idle
        self._keeper = Keeper(parts.conversations, session_id, conversation)
        self._transcribing = Transcribing(parts.stages, conversation, outgoing)
        settings = parts.settings
        self._listener = Listener(parts.stages.asr, max_audio_s=settings.question_max_s, hear=self.hear)
        self._response: Response | None = None
        self._alone: set[Response] = set()
        self._changes: set[asyncio.Task[None]] = set()
        self._awaiting: asyncio.Task[None] | None = None
        self._speaking: str | None = None  # the id that the utterance going on will have as an item
        self._told_words = ""

    @property
    def active(self) -> bool:
        """Whether a response is under way."""
        return self._response is not None

    def session(self) -> dict[str, Any]:
        """The session as clients are told it."""
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": self._session_id,
            "expires_at": int(time.time() + self._parts.settings.session_expiry_s),
            "lecture_id": self._lecture_id,
            **self._configuration.effective(),
        }

    async def begin(self) -> None:
        """Sets up the ear."""
        await self._listen()

    async def handle(self, event: asked.ClientEvent) -> None:
        """Does what the client asks for. Raises VivaError for what cannot be done."""
        match event:
            case asked.AppendAudio(audio=audio):
                await self._listener.append(audio)
                return
            case asked.UpdateSession():
                await self._update(event)
            case asked.CommitAudio():
                self._commit_asked()
            case asked.ClearAudio():
                await self._listener.clear()
                self._speaking, self._told_words = None, ""
                self._out.put([out.audio_cleared()])
            case asked.CreateItem(item=item, previous_item_id=after):
                self._create(item, after)
            case asked.DeleteItem(item_id=item_id):
                await self._delete(item_id)
            case asked.TruncateItem():
                await self._truncate(event)
            case asked.RetrieveItem():
                self._retrieve(event.item_id)
            case asked.CreateResponse(options=options):
                if self._response is not None and not self._response.reply.created:
                    await self._response.cancel("client_cancelled")  # nobody was told of it yet
                self._respond(options, at_once=True)
            case asked.CancelResponse():
                await self._cancel_asked()
        self._keeper.changed()

    async def hear(self, heard: Heard) -> None:
        """Somebody begins to speak, goes on or stops."""
        match heard:
            case SpeechStarted(start_ms=start_ms):
                self._speaking, self._told_words = new_item_id(), ""
                self._out.put([out.speech_started(self._speaking, start_ms)])
                detection = self._configuration.detection
                if self._response is not None and detection is not None and detection.interrupt_response:
                    await self._interrupt("turn_detected")
            case Partial(text=text) if self._configuration.transcribes:
                self._speaking = self._speaking or new_item_id()
                delta, self._told_words = text[len(self._told_words) :], text
                if delta:
                    self._out.put([out.transcription_delta(self._speaking, delta)])
            case SpeechStopped(end_ms=end_ms):
                item_id = self._speaking or new_item_id()
                self._out.put([out.speech_stopped(item_id, end_ms)])
                detection = self._configuration.detection
                if self._commit(item_id) and (detection is None or detection.create_response):
                    self._respond({}, at_once=False)
        self._keeper.changed()

    def await_answer(self) -> None:
        """Adds what is still being answered for this session elsewhere, as soon as it is there."""
        self._awaiting = asyncio.create_task(self._add_answer())

    async def _add_answer(self) -> None:
        with contextlib.suppress(StageUnavailable):
            for item in await self._parts.conversations.answered(self._session_id):
                if self._conversation.get(item.id) is None:
                    self._create(item, None)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def finish(self, seconds: float) -> None:
        """The client vanished: what is being answered is finished in writing, for it to come back to."""
        await self._listener.close()
        if self._response is not None:
            self._response.mute()
            if not await self._response.wait(seconds):
                await self._response.cancel("client_cancelled")
        await self.close()

    async def close(self) -> None:
        """The client left: whatever is done for it ends."""
        await self._listener.close()
        if self._response is not None:
            await self._response.cancel("client_cancelled")
        for response in list(self._alone):
            await response.cancel("client_cancelled")
        self._transcribing.close()
        if self._awaiting is not None:
            self._awaiting.cancel()
        if self._changes:
            await asyncio.wait(self._changes)
        await self._keeper.flush()

    # -- the session --------------------------------------------------------------------------------------------------

    async def _update(self, event: asked.UpdateSession) -> None:
        self._configuration = self._configuration.updated(event.session)
        self._keeper.configured(self._configuration)
        await self._listen()
        if event.lecture_id and event.lecture_id != self._lecture_id:
            self._lecture_id = event.lecture_id
            await self.choose_lecture()
        self._out.put([out.session_updated(self.session())])

    async def _listen(self) -> None:
        wanted = self._configuration
        await self._listener.configure(wanted.input_format, wanted.detection, language=wanted.language)

    async def choose_lecture(self) -> None:
        """Notes the session's lecture and has it read ahead. One that is not there is told with the first question."""
        if self._lecture_id is None:
            return
        try:
            await self._parts.sessions.choose_lecture(self._session_id, self._lecture_id)
            self._parts.warmer.warm(await self._parts.lectures.transcript(self._lecture_id))
        except VivaError as error:
            structlog.get_logger().info("lecture not read ahead", code=error.code)

    # -- audio in -----------------------------------------------------------------------------------------------------

    def _commit_asked(self) -> None:
        found = self._commit(self._speaking or new_item_id())
        # With turn detection the server may just have taken it.
        if not found and self._configuration.detection is None:
            raise InvalidRequest(
                "There is no audio to commit: append some first.", code="input_audio_buffer_commit_empty"
            )

    def _commit(self, item_id: str) -> bool:
        """Makes an item of what was said; false when there is nothing."""
        self._speaking, self._told_words = None, ""
        seconds = self._listener.buffered_ms / 1000
        if (wav := self._listener.take()) is None:
            return False
        if self._transcribing.full:
            raise Conflict(
                "What was said before is still being transcribed.", code="transcription_in_progress"
            )
        item = Item(item_id, "user", (Part("input_audio"),), "in_progress")
        before = self._conversation.last_id
        self._conversation.add(item)
        self._out.put([out.audio_committed(item_id, before), out.item_added(item, before)])
        self._transcribing.begin(item, wav, seconds, told=self._configuration.transcribes)
        return True

    # -- items --------------------------------------------------------------------------------------------------------

    def _create(self, item: Item, after: str | None) -> None:
        known = self._conversation.get(item.id)  # one that was there already stays as it is
        for each in items_in(item) if known is None else ():
            self._conversation.add(each, after)
            after = each.id
        item = self._conversation.get(item.id)
        before = self._conversation.previous(item.id)
        self._out.put([out.item_added(item, before), out.item_done(item, before)])

    async def _delete(self, item_id: str) -> None:
        item = self._conversation.remove(item_id)
        if item is not None and item.turn_id is not None:
            await self._change_history(item.turn_id, lambda turn: None)
        self._out.put([out.item_deleted(item_id)])

    def _retrieve(self, item_id: str) -> None:
        if (item := self._conversation.get(item_id)) is None:
            raise InvalidRequest(
                "There is no item with this id.", code="item_retrieve_invalid_item_id", param="item_id"
            )
        self._out.put([out.item_retrieved(item)])

    async def _truncate(self, event: asked.TruncateItem) -> None:
        """The item, and the history, end with the words that had been heard. What is odd about it changes nothing."""
        item = self._conversation.get(event.item_id)
        reply = self._response.reply if self._response is not None else None
        if reply is not None and reply.item is not None and reply.item.id == event.item_id:
            reply.stopped_at(event.audio_end_ms)
        elif item is not None and (shorter := cut(item, event.audio_end_ms)) is not item:
            self._conversation.replace(shorter)
            if item.turn_id is not None:
                await self._change_history(item.turn_id, lambda turn: _as_heard(turn, shorter))
        self._out.put([out.item_truncated(event.item_id, event.content_index, event.audio_end_ms)])

    async def _change_history(self, turn_id: str, to: Callable[[PastTurn], PastTurn | None]) -> None:
        try:
            await self._parts.sessions.change(self._session_id, turn_id, to)
        except StageUnavailable:
            structlog.get_logger().warning("history not changed", turn_id=turn_id)

    # -- responses ----------------------------------------------------------------------------------------------------

    def _respond(self, options: dict[str, Any], *, at_once: bool) -> None:
        """Begins to answer. Raises Conflict while another response is active."""
        wanted = self._wanted(options)
        if self._response is not None and wanted.in_conversation:
            raise Conflict(
                "Conversation already has an active response.",
                code="conversation_already_has_active_response",
            )
        turn_id = f"turn_{secrets.token_hex(12)}"
        reply = Reply(wanted, self._conversation, f"conv_{self._session_id}", turn_id)
        try:
            question = self._question(options, wanted, turn_id)
        except InvalidRequest as error:
            self._out.put(reply.fail(error))
            return
        response = Response(self._parts.turns, question, reply, self._out, ended=self._ended)
        if wanted.in_conversation:
            self._response = response
            self._keeper.answering(time.time() + self._parts.settings.turn_deadline_s)
        else:
            self._alone.add(response)
        response.start(at_once=at_once)

    def _wanted(self, options: dict[str, Any]) -> Wanted:
        configuration = self._configuration.updated(options)
        metadata = options.get("metadata")
        return Wanted(
            speaks=configuration.speaks,
            voice=configuration.voice,
            speed=configuration.speed,
            output_format=configuration.output_format,
            metadata=metadata if isinstance(metadata, dict) else None,
            in_conversation=options.get("conversation") != "none",
        )

    def _question(self, options: dict[str, Any], wanted: Wanted, turn_id: str) -> Question:
        """What is to be answered, and what was said before. Raises InvalidRequest when nothing was, or too much."""
        given = options.get("input")
        items = (
            [asked.client_item(item) for item in given if isinstance(item, dict)]
            if isinstance(given, list)
            else []
        )
        items = [item for item in items if item.role == "user"] or self._conversation.question()
        hearing = self._transcribing.words(items)
        text = " ".join(item.text for item in items if item.text)
        if hearing is None and not text:
            raise InvalidRequest("There is no question to answer yet: say or type one.", code="no_question")
        if len(text) > (most := self._parts.settings.question_max_characters):
            raise TooLarge(f"The question may have {most:,} characters at most.")
        if wanted.in_conversation:
            for item in items:
                self._conversation.replace(replace(item, turn_id=turn_id))
        return Question(
            text=text,
            hearing=hearing,
            session_id=self._session_id if wanted.in_conversation else None,
            lecture_id=self._lecture_id,
            voice=wanted.voice,
            audio_format="pcm" if wanted.speaks else None,
            speed=wanted.speed,
            history=self._conversation.history(items, self._lecture_id),
            begun=self._unstored if wanted.in_conversation else None,
            turn_id=turn_id,
        )

    async def _cancel_asked(self) -> None:
        if self._response is None:
            raise InvalidRequest(
                "Cancellation failed: no active response found.", code="response_cancel_not_active"
            )
        await self._interrupt("client_cancelled")

    async def _interrupt(self, reason: str) -> None:
        self._parts.metrics.interruptions.labels(reason).inc()
        await self._response.cancel(reason)

    def _ended(self, response: Response) -> None:
        self._alone.discard(response)
        if response is not self._response:
            return
        self._response = None
        self._keeper.answering(None)
        reply = response.reply
        if reply.saved:
            self._unstored = None
        if reply.stopped_ms is not None and reply.item is not None:
            item = reply.item
            change = asyncio.create_task(
                self._change_history(reply.turn_id, lambda turn: _as_heard(turn, item))
            )
            self._changes.add(change)
            change.add_done_callback(self._changes.discard)
        self._idle()


def _as_heard(turn: PastTurn, item: Item) -> PastTurn | None:
    """The turn as far as its answer was heard; None when nothing of it was."""
    if not item.text:
        return None
    return replace(
        turn,
        answer=item.text,
        raw_answer=item.answer.raw,
        citations=item.parts[0].citations,
        interrupted=item.status == "incomplete",
    )
