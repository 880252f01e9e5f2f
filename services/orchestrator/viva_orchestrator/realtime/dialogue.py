"""What a client asks for, and what becomes of it: the conversation behind one connection."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from viva.errors import InvalidRequest, StageUnavailable, VivaError
from viva_orchestrator.realtime import client_events as asked
from viva_orchestrator.realtime import server_events as out
from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.history import History
from viva_orchestrator.realtime.items import Item
from viva_orchestrator.realtime.keeper import Keeper
from viva_orchestrator.realtime.listening import Heard, Listener, Partial, SpeechStarted, SpeechStopped
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.realtime.packed_history import items_in
from viva_orchestrator.realtime.parts import RealtimeParts
from viva_orchestrator.realtime.replayed import known_in
from viva_orchestrator.realtime.reply import cut
from viva_orchestrator.realtime.responses import Responses
from viva_orchestrator.realtime.resume import Kept
from viva_orchestrator.realtime.speech import Speech
from viva_orchestrator.realtime.transcribing import Transcribing
from viva_orchestrator.sessions import Session

# How long the end of a conversation waits for a Redis that is away, and a goodbye for what is being written.
KEEP_S = 10.0
KEEP_NOW_S = 2.0


class Dialogue:
    """One conversation: its configuration, its items, what is said in it and what is answered.

    `session` with the lecture in force; `unstored` says that it could not be stored yet, `unread` that Redis did not
    say what was kept of it. `idle` is called whenever an answer or a transcription has ended.
    """

    def __init__(
        self,
        parts: RealtimeParts,
        session: Session,
        configuration: Configuration,
        conversation: Conversation,
        outgoing: Outgoing,
        *,
        unstored: bool,
        unread: bool,
        idle: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._session = session
        self._lecture_id = session.lecture_id
        self._configuration = configuration
        self._conversation = conversation
        self._out = outgoing
        self._keeper = Keeper(
            parts.conversations, session.session_id, conversation, unread=unread, overtaken=self._overtaken
        )
        self._history = History(parts.sessions, session.session_id)
        self._transcribing = Transcribing(
            parts.stages,
            conversation,
            self._keeper,
            outgoing,
            parts.metrics,
            parts.tracer,
            most_s=parts.settings.turn_deadline_s,
            require_room=partial(parts.turns.require_room, "realtime"),
            idle=idle,
        )
        listener = Listener(
            parts.stages.asr,
            max_audio_s=parts.settings.question_max_s,
            hear=self.hear,
            crowded=lambda: parts.turns.room.full,
        )
        self._speech = Speech(listener, conversation, self._transcribing, outgoing, parts.metrics)
        self._responses = Responses(
            parts,
            session,
            conversation,
            self._transcribing,
            self._history,
            self._keeper,
            outgoing,
            unstored=unstored,
            idle=idle,
        )
        self._background: set[asyncio.Task[None]] = set()

    @property
    def session_id(self) -> str:
        """The session of the conversation."""
        return self._session.session_id

    @property
    def active(self) -> bool:
        """Whether a response is under way, in the conversation or beside it, or a transcription."""
        return bool(self._responses.all) or self._transcribing.busy

    def session(self) -> dict[str, Any]:
        """The session as clients are told it."""
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": self._session.session_id,
            "expires_at": int(time.time() + self._parts.settings.session_expiry_s),
            "lecture_id": self._lecture_id,
            **out.with_outage(self._configuration.effective(), self._speech.outage),
        }

    async def begin(self, kept: Kept | None) -> None:
        """Sets up what listens, and adds what is being finished for an earlier connection as soon as it is there."""
        await self._speech.configure(self._configuration)
        if self._lecture_id is not None:
            self._soon(self._read_ahead(self._lecture_id))
        if kept is None:
            return
        for item in kept.items:
            if item.role == "user" and item.status == "in_progress":
                heard = partial(self._parts.conversations.heard, self._session.session_id, item.id)
                self._transcribing.follow(item, heard, told=self._configuration.transcribes)
        if kept.answering:
            self._soon(self._add_answers(kept.answering))

    async def handle(self, event: asked.ClientEvent) -> None:
        """Does what the client asks for. Raises VivaError for what cannot be done."""
        match event:
            case asked.AppendAudio(audio=audio):
                if await self._speech.append(audio):
                    self._out.put([out.session_updated(self.session())])
                return
            case asked.UpdateSession():
                await self._update(event)
            case asked.CommitAudio():
                self._speech.commit(self._configuration)
            case asked.ClearAudio():
                await self._speech.clear()
            case asked.CreateItem(item=item, previous_item_id=after):
                self._create(item, after)
            case asked.DeleteItem(item_id=item_id):
                await self._delete(item_id)
            case asked.TruncateItem():
                await self._truncate(event)
            case asked.RetrieveItem(item_id=item_id):
                self._retrieve(item_id)
            case asked.CreateResponse(options=options):
                await self._responses.begin_asked(options, self._configuration, self._lecture_id)
            case asked.CancelResponse(response_id=response_id):
                await self._responses.cancel_asked(response_id)
        self._keeper.changed()

    async def hear(self, heard: Heard) -> None:
        """Somebody begins to speak, goes on or stops."""
        wanted = self._configuration
        detection = wanted.detection
        match heard:
            case SpeechStarted():
                self._speech.started(heard)
                if detection is not None and detection.interrupt_response:
                    await self._responses.interrupt("turn_detected")
            case Partial() if wanted.transcribes:
                self._speech.said(heard)
            case SpeechStopped():
                spoken = self._speech.stopped(heard, told=wanted.transcribes)
                if spoken and (detection is None or detection.create_response):
                    self._responses.begin_heard(wanted, self._lecture_id)
        self._keeper.changed()

    async def cut_short(self) -> None:
        """Answers end where they are, since there is no time for the rest."""
        await self._responses.close()
        await self._transcribing.close()

    async def kept(self) -> None:
        """Waits until all of it is in Redis, as far as that is there, so that another replica finds it."""
        await self._keeper.flush(KEEP_NOW_S)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def finish(self, seconds: float) -> None:
        """The client vanished: what it said is transcribed, and what is being answered is finished in writing, for it
        to come back to."""
        await self._speech.close()
        await asyncio.gather(self._transcribing.finish(seconds), self._responses.finish(seconds))
        await self.close()

    async def close(self) -> None:
        """The client left: whatever is done for it ends."""
        await self._speech.close()
        await self._responses.close()
        for task in self._background:  # first, since some wait for what is being transcribed
            task.cancel()
        await self._transcribing.close()
        await self._history.close()
        await self._keeper.close(KEEP_S)

    # -- the session --------------------------------------------------------------------------------------------------

    async def _update(self, event: asked.UpdateSession) -> None:
        self._configuration = self._configuration.updated(event.session)
        self._keeper.configured(self._configuration)
        await self._speech.configure(self._configuration)
        if event.lecture_id and event.lecture_id != self._lecture_id:
            await self._choose_lecture(event.lecture_id)
        self._out.put([out.session_updated(self.session())])

    async def _choose_lecture(self, lecture_id: str) -> None:
        """Notes the session's lecture and has it read ahead."""
        self._lecture_id = lecture_id
        self._soon(self._read_ahead(lecture_id))
        try:
            await self._parts.sessions.choose_lecture(self._session.session_id, lecture_id)
        except StageUnavailable as error:
            structlog.get_logger().warning("lecture not noted", code=error.code)

    async def _read_ahead(self, lecture_id: str) -> None:
        """In the background, since the object store may be slow. One that is not there is told with the first
        question."""
        try:
            self._parts.warmer.warm(await self._parts.lectures.transcript(lecture_id))
        except VivaError as error:
            structlog.get_logger().info("lecture not read ahead", code=error.code)

    # -- items --------------------------------------------------------------------------------------------------------

    def _create(self, item: Item, after: str | None) -> None:
        shown = self._conversation.get(item.id)  # one that was there already stays as it is
        if shown is None:
            shown = item
            brought = items_in(item)
            known = known_in(list(self._conversation), brought) if brought != [item] else [None]
            for each, there in zip(brought, known, strict=True):
                shown = there or each
                if there is None:
                    self._conversation.add(each, after)
                after = shown.id
        before = self._conversation.previous(shown.id)
        shown = replace(shown, id=item.id)  # one that repeats another is told under the id that the client waits for
        self._out.put([out.item_added(shown, before), out.item_done(shown, before)])

    async def _delete(self, item_id: str) -> None:
        if (item := self._conversation.remove(item_id)) is not None:
            await self._responses.cancel_deleted(item)
            await self._history.forget(item)
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
        reply = self._responses.active.reply if self._responses.active is not None else None
        if reply is not None and reply.item is not None and reply.item.id == event.item_id:
            reply.stopped_at(event.audio_end_ms)
        elif item is not None and (shorter := cut(item, event.audio_end_ms)) is not item:
            self._conversation.replace(shorter)
            await self._history.cut(shorter)
        self._out.put([out.item_truncated(event.item_id, event.content_index, event.audio_end_ms)])

    def _overtaken(self, turn_id: str) -> None:
        """Another connection of this session has begun to answer: the newest question is the one that counts."""
        active = self._responses.active
        if active is not None and active.reply.turn_id == turn_id:
            self._soon(self._responses.interrupt("client_cancelled"))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _add_answers(self, turns: frozenset[str]) -> None:
        """Adds what is still being answered for this session, as soon as it is there, and behind the words of its
        question: the two are looked for separately, and the answer may be seen first."""
        with contextlib.suppress(StageUnavailable):
            items = await self._parts.conversations.answered(self._session.session_id, turns)
            for place, item in enumerate(items):
                await self._transcribing.followed(items[:place])
                known = {(known.turn_id, known.role) for known in self._conversation if known.turn_id}
                if self._conversation.get(item.id) is None and (item.turn_id, item.role) not in known:
                    self._create(item, None)
