"""How a conversation begins for a connection: anew, or where its session left it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from viva.errors import NotFound, StageUnavailable
from viva_orchestrator.realtime import server_events as out
from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.conversation import Conversation, Limits, with_turns
from viva_orchestrator.realtime.dialogue import Dialogue
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.realtime.parts import RealtimeParts
from viva_orchestrator.realtime.resume import Kept
from viva_orchestrator.sessions import Session


@dataclass(slots=True)
class Arrival:
    """What a client says in its URL: the lecture, the session that it comes back to, and the last item that it has."""

    lecture_id: str | None = None
    session_id: str | None = None
    last_item_id: str | None = None
    conversation: Conversation = field(default_factory=Conversation)
    resumed: bool = False
    stored: bool = True
    read: bool = True

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Arrival:
        """What a query says; a `model` that is a lecture's id names it, for clients that can set nothing else."""
        model = query.get("model", "")
        lecture_id = query.get("lecture_id") or (model if model.startswith("lec_") else None)
        return cls(lecture_id and lecture_id[:200], query.get("session_id"), query.get("last_item_id"))

    async def dialogue(self, parts: RealtimeParts, outgoing: Outgoing, *, idle: Callable[[], None]) -> Dialogue:
        """The conversation, opened or taken up again."""
        session, kept = await self._found(parts)
        settings = parts.settings
        limits = Limits(settings.realtime_max_items, settings.realtime_max_characters)
        items = kept.items if kept is not None else ()
        self.conversation = Conversation(with_turns(items, session.turns), limits=limits)
        self.conversation.changed.clear()  # what was made of turns is made of them again the next time
        configuration = Configuration.default(settings.voice)
        if kept is not None and kept.asked is not None:
            configuration = Configuration(kept.asked, settings.voice)
        if self.lecture_id is not None and self.lecture_id != session.lecture_id:
            session = await self._about(session, parts)
        dialogue = Dialogue(
            parts,
            session,
            configuration,
            self.conversation,
            outgoing,
            unstored=not self.stored,
            unread=not self.read,
            idle=idle,
        )
        await dialogue.begin(kept)
        return dialogue

    def missed(self) -> list[out.Event]:
        """The items behind the last one that the client has, if it said which that is."""
        if not self.resumed or self.last_item_id is None:
            return []
        events = []
        for item in self.conversation.after(self.last_item_id):
            before = self.conversation.previous(item.id)
            events.append(out.item_added(item, before))
            if item.status != "in_progress":  # it is told to be done when it has its words
                events.append(out.item_done(item, before))
        return events

    async def _about(self, session: Session, parts: RealtimeParts) -> Session:
        """The session, which is about another lecture from now on."""
        with contextlib.suppress(StageUnavailable):
            await parts.sessions.choose_lecture(session.session_id, self.lecture_id)
        return replace(session, lecture_id=self.lecture_id)

    async def _found(self, parts: RealtimeParts) -> tuple[Session, Kept | None]:
        """The session named, with its conversation, or a new one; one that is not known any more is not refused,
        since a browser could not tell that from a server that is away."""
        if self.session_id is not None:
            try:
                session = await parts.sessions.read(self.session_id)
                self.resumed = True
                return session, await parts.conversations.read(self.session_id)
            except NotFound:
                pass
            except StageUnavailable:
                self.resumed = self.read = False
                return Session(self.session_id, None, time.time()), None
        session = parts.sessions.begin(self.lecture_id)
        try:
            await parts.sessions.store(session)
        except StageUnavailable as error:
            self.stored = False  # with its first turn, perhaps
            structlog.get_logger().warning("session not stored", code=error.code)
        return session, None
