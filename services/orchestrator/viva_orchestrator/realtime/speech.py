"""What a client says: utterances that the listener finds or the client commits, each an item with its transcript."""

from __future__ import annotations

import time

from viva.errors import InvalidRequest, VivaError
from viva_orchestrator.metrics import RealtimeMetrics
from viva_orchestrator.realtime import server_events as out
from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.items import Item, Part, new_item_id
from viva_orchestrator.realtime.listening import Listener, Partial, SpeechStarted, SpeechStopped
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.realtime.transcribing import Transcribing


class Speech:
    """The utterance that goes on, under the id that it will have as an item, and how it becomes one."""

    def __init__(
        self,
        listener: Listener,
        conversation: Conversation,
        transcribing: Transcribing,
        outgoing: Outgoing,
        metrics: RealtimeMetrics,
    ) -> None:
        self._listener = listener
        self._conversation = conversation
        self._transcribing = transcribing
        self._out = outgoing
        self._metrics = metrics
        self._transcribes = True
        self._outage: str | None = None
        self._item_id: str | None = None
        self._told = ""  # of its words
        self._noticed = 0.0  # when it began, until its first words are told

    async def configure(self, wanted: Configuration) -> None:
        """How audio comes, and how turns are found. Raises InvalidRequest for a format that is not taken."""
        await self._listener.configure(wanted.input_format, wanted.detection, language=wanted.language)
        self._transcribes = wanted.transcribes
        self._outage = self._code

    @property
    def outage(self) -> VivaError | None:
        """Why no turns are found although they should be."""
        return self._listener.failure

    @property
    def _code(self) -> str | None:
        return self.outage.code if self.outage is not None else None

    async def append(self, audio: bytes) -> bool:
        """Takes audio as the client sent it; whether turns are found no more, or again.

        An outage is counted. What somebody was saying when it began has no words for now.
        """
        before_ms = self._listener.received_ms
        await self._listener.append(audio)
        self._metrics.audio_in.inc((self._listener.received_ms - before_ms) / 1000)
        if self._code == self._outage:
            return False
        self._outage = self._code
        if self.outage is not None:
            self._metrics.outages.labels(self._outage).inc()
            if self._item_id is not None and self._transcribes:
                self._out.put([out.transcription_failed(self._item_id, self.outage)])
        return True

    def started(self, heard: SpeechStarted) -> None:
        """Somebody begins to speak."""
        self._item_id, self._told, self._noticed = new_item_id(), "", time.monotonic()
        self._out.put([out.speech_started(self._item_id, heard.start_ms)])

    def said(self, heard: Partial) -> None:
        """Somebody goes on speaking: the words that are new."""
        self._item_id = self._item_id or new_item_id()
        delta, self._told = heard.text[len(self._told) :], heard.text
        if delta:
            if self._noticed:
                self._metrics.first_partial.observe(time.monotonic() - self._noticed)
                self._noticed = 0.0
            self._out.put([out.transcription_delta(self._item_id, delta)])

    def stopped(self, heard: SpeechStopped, *, told: bool) -> bool:
        """Somebody has spoken; whether there is an item of it. `told` tells the client the transcript."""
        self._item_id = self._item_id or new_item_id()
        self._out.put([out.speech_stopped(self._item_id, heard.end_ms)])
        return self._commit(told)

    def commit(self, wanted: Configuration) -> None:
        """The client says that this is all. Raises InvalidRequest when there is nothing."""
        # With turn detection the server may just have taken it.
        if not self._commit(wanted.transcribes) and wanted.detection is None:
            raise InvalidRequest(
                "There is no audio to commit: append some first.", code="input_audio_buffer_commit_empty"
            )

    async def clear(self) -> None:
        """What was said is forgotten."""
        await self._listener.clear()
        self._item_id, self._told = None, ""
        self._out.put([out.audio_cleared()])

    async def close(self) -> None:
        """Nobody listens any more."""
        await self._listener.close()

    def _commit(self, told: bool) -> bool:
        item_id, self._item_id, self._told = self._item_id or new_item_id(), None, ""
        self._noticed = 0.0
        seconds = self._listener.buffered_ms / 1000
        if (wav := self._listener.take()) is None:
            return False
        item = Item(item_id, "user", (Part("input_audio"),), "in_progress")
        before = self._conversation.last_id
        self._conversation.add(item)
        self._out.put([out.audio_committed(item_id, before), out.item_added(item, before)])
        self._transcribing.begin(item, wav, seconds, told=told)
        return True
