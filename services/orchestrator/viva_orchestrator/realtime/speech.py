"""What a client says: utterances that the listener finds or the client commits, each an item with its transcript."""

from __future__ import annotations

from viva.errors import Conflict, InvalidRequest
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
        self, listener: Listener, conversation: Conversation, transcribing: Transcribing, outgoing: Outgoing
    ) -> None:
        self._listener = listener
        self._conversation = conversation
        self._transcribing = transcribing
        self._out = outgoing
        self._item_id: str | None = None
        self._told = ""  # of its words

    async def configure(self, wanted: Configuration) -> None:
        """How audio comes, and how turns are found. Raises InvalidRequest for a format that is not taken."""
        await self._listener.configure(wanted.input_format, wanted.detection, language=wanted.language)

    async def append(self, audio: bytes) -> None:
        """Takes audio as the client sent it. Raises VivaError when nobody listens for turns in it."""
        await self._listener.append(audio)

    def started(self, heard: SpeechStarted) -> None:
        """Somebody begins to speak."""
        self._item_id, self._told = new_item_id(), ""
        self._out.put([out.speech_started(self._item_id, heard.start_ms)])

    def said(self, heard: Partial) -> None:
        """Somebody goes on speaking: the words that are new."""
        self._item_id = self._item_id or new_item_id()
        delta, self._told = heard.text[len(self._told) :], heard.text
        if delta:
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
        if self._transcribing.full:
            raise Conflict(
                "What was said before is still being transcribed.", code="transcription_in_progress"
            )
        item_id, self._item_id, self._told = self._item_id or new_item_id(), None, ""
        seconds = self._listener.buffered_ms / 1000
        if (wav := self._listener.take()) is None:
            return False
        item = Item(item_id, "user", (Part("input_audio"),), "in_progress")
        before = self._conversation.last_id
        self._conversation.add(item)
        self._out.put([out.audio_committed(item_id, before), out.item_added(item, before)])
        self._transcribing.begin(item, wav, seconds, told=told)
        return True
