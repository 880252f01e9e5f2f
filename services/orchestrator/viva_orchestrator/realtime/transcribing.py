"""What was said, item by item: each is transcribed anew, as a whole, as soon as it is complete."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from viva.errors import InvalidRequest, VivaError
from viva_orchestrator.realtime import server_events as out
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.items import Item
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.stages import Stages

# A client that sends one utterance after the other does not get more of the asr stage than this.
AT_ONCE = 4


class Transcribing:
    """The transcriptions of one connection that are under way."""

    def __init__(self, stages: Stages, conversation: Conversation, outgoing: Outgoing) -> None:
        self._stages = stages
        self._conversation = conversation
        self._outgoing = outgoing
        self._under_way: dict[str, asyncio.Task[str]] = {}

    @property
    def full(self) -> bool:
        """Whether the next one has to wait."""
        return len(self._under_way) >= AT_ONCE

    def begin(self, item: Item, wav: bytes, seconds: float, *, told: bool) -> None:
        """Transcribes an item's audio; `told` says so to the client."""
        task = asyncio.create_task(self._transcribe(item, wav, seconds, told))
        self._under_way[item.id] = task
        task.add_done_callback(lambda task: self._ended(item.id, task))

    def words(self, items: Sequence[Item]) -> asyncio.Task[str] | None:
        """The words of several items as soon as they are known; None when they are known already."""
        waits = [self._under_way.get(item.id) for item in items]
        if not any(waits):
            return None
        return asyncio.create_task(
            _joined([wait or item.text for wait, item in zip(waits, items, strict=True)])
        )

    def close(self) -> None:
        """Gives up what is under way."""
        for task in self._under_way.values():
            task.cancel()

    async def _transcribe(self, item: Item, wav: bytes, seconds: float, told: bool) -> str:
        try:
            words = await self._stages.transcribe(wav)
        except VivaError as error:
            self._outgoing.put([out.transcription_failed(item.id, error)] if told else [])
            raise
        item = replace(item, parts=(replace(item.parts[0], words=words),), status="completed")
        newest = self._conversation.get(item.id)
        if newest is None:
            raise InvalidRequest("The question was deleted.", code="item_deleted")
        item = replace(item, turn_id=newest.turn_id)
        self._conversation.replace(item)
        self._outgoing.put([out.transcription_completed(item.id, words, seconds)] if told else [])
        self._outgoing.put([out.item_done(item, self._conversation.previous(item.id))])
        return words

    def _ended(self, item_id: str, task: asyncio.Task[str]) -> None:
        self._under_way.pop(item_id, None)
        if not task.cancelled():
            task.exception()  # the response that waits for it raises it too, if there is one


async def _joined(parts: Sequence[asyncio.Task[str] | str]) -> str:
    words = [part if isinstance(part, str) else await asyncio.shield(part) for part in parts]
    return " ".join(filter(None, words))
