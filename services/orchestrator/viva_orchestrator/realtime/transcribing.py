"""What was said, item by item: each is transcribed anew, as a whole, as soon as it is complete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from viva.errors import Conflict, InvalidRequest, Overloaded, StageUnavailable, VivaError
from viva.service.tracing import Span, Tracer
from viva_orchestrator.metrics import RealtimeMetrics
from viva_orchestrator.realtime import server_events as out
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.items import Item
from viva_orchestrator.realtime.keeper import Keeper
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.stages import Stages

# A client that sends one utterance after the other does not get more of the asr stage than this. Others wait, as many
# as this and so much audio with those that are heard: over five minutes, or four of the longest at least.
AT_ONCE = 4
WAITING = 28
MOST_BYTES = 16 * 2**20


class Transcribing:
    """The transcriptions of one connection that are under way, each of `most_s` seconds at most.

    An item is kept from when its transcription begins, marked as long as that goes on, so that a client that comes
    back finds what it said. `idle` is called whenever one has ended.
    """

    def __init__(
        self,
        stages: Stages,
        conversation: Conversation,
        keeper: Keeper,
        outgoing: Outgoing,
        metrics: RealtimeMetrics,
        tracer: Tracer,
        *,
        most_s: float,
        require_room: Callable[[], None],
        idle: Callable[[], None],
    ) -> None:
        """`require_room` raises Overloaded when what is said could not be answered anyway: it is not heard then."""
        self._stages = stages
        self._conversation = conversation
        self._keeper = keeper
        self._outgoing = outgoing
        self._metrics = metrics
        self._tracer = tracer
        self._traces: dict[str, Span] = {}  # of items under way that no turn has taken up yet
        self._most_s = most_s
        self._require_room = require_room
        self._refused: tuple[str, Overloaded] | None = None  # the last item that there was no room for
        self._idle = idle
        self._places = asyncio.Semaphore(AT_ONCE)
        self._bytes = 0
        self._under_way: dict[str, asyncio.Task[str]] = {}
        self._elsewhere: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether something is being transcribed for this connection."""
        return len(self._under_way) > len(self._elsewhere)

    def begin(self, item: Item, wav: bytes, seconds: float, *, told: bool) -> None:
        """Transcribes an item's audio; `told` says so to the client."""
        self._keeper.hearing(item.id, time.time() + self._most_s)
        trace = self._traces[item.id] = self._tracer.begin("turn")
        self._start(item, self._transcribe(item, wav, seconds, told, trace))

    def follow(self, item: Item, heard: Callable[[], Awaitable[Item | None]], *, told: bool) -> None:
        """An item is being transcribed for an earlier connection; `heard` waits for what becomes of it."""
        self._elsewhere.add(item.id)
        self._start(item, self._follow(item, heard, told))

    def words(self, items: Sequence[Item]) -> asyncio.Future[str] | None:
        """The words of several items as soon as they are known; None when they are known already."""
        if self._refused is not None and items and items[-1].id == self._refused[0]:
            words = asyncio.get_running_loop().create_future()
            words.set_exception(self._refused[1])
            _retrieve(words)
            return words
        waits = [self._under_way.get(item.id) for item in items]
        if not any(waits):
            return None
        words = asyncio.create_task(_joined([wait or item.text for wait, item in zip(waits, items, strict=True)]))
        words.add_done_callback(_retrieve)
        return words

    def trace(self, items: Sequence[Item]) -> Span | None:
        """The trace in which the last of these items is being transcribed, for the turn that answers it."""
        found = [trace for item in items if (trace := self._traces.pop(item.id, None)) is not None]
        for earlier in found[:-1]:
            earlier.end()
        return found[-1] if found else None

    async def followed(self, items: Sequence[Item]) -> None:
        """Waits for those of the items that are being transcribed for earlier connections, whatever becomes of it."""
        if tasks := [self._under_way[item.id] for item in items if item.id in self._elsewhere]:
            await asyncio.wait(tasks)

    async def finish(self, seconds: float) -> None:
        """Waits for what is under way here; gives up what takes longer."""
        own = [task for item_id, task in self._under_way.items() if item_id not in self._elsewhere]
        if own:
            await asyncio.wait(own, timeout=seconds)
        await self.close()

    async def close(self) -> None:
        """Gives up what is under way: its items stay as they are, without words."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, item: Item, work: Awaitable[str]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way[item.id] = task
        task.add_done_callback(lambda task: self._ended(item, task))

    async def _transcribe(self, item: Item, wav: bytes, seconds: float, told: bool, trace: Span) -> str:
        committed = time.monotonic()
        try:
            self._check_room(item)
            with trace.stage("asr"):
                words = await self._in_turn(wav)
                self._metrics.final_transcript.observe(time.monotonic() - committed)
        except VivaError as error:
            self._not_heard(item, error, told)
            raise
        return self._heard(item, words, seconds, told)

    def _check_room(self, item: Item) -> None:
        """Raises Overloaded; the response to this item, which may be asked for later, will have failed of the same."""
        try:
            self._require_room()
        except Overloaded as error:
            self._refused = item.id, error
            raise

    async def _in_turn(self, wav: bytes) -> str:
        """The words, once there is room. Raises Conflict when too much waits already."""
        too_much = self._bytes and self._bytes + len(wav) > MOST_BYTES
        if too_much or len(self._under_way) > AT_ONCE + WAITING:
            raise Conflict("What was said before is still being transcribed.", code="transcription_in_progress")
        self._bytes += len(wav)
        try:
            async with self._places:
                return await self._stages.transcribe(wav)
        finally:
            self._bytes -= len(wav)

    async def _follow(self, item: Item, heard: Callable[[], Awaitable[Item | None]], told: bool) -> str:
        try:
            kept = await heard()
            if kept is not None and kept.status != "completed":
                raise StageUnavailable("asr", "What was said could not be transcribed; say it again.")
        except StageUnavailable as error:
            self._not_heard(item, error, told)
            raise
        if kept is None:
            self._conversation.remove(item.id)
        return self._heard(kept or item, kept.text if kept else "", 0.0, told)

    def _heard(self, item: Item, words: str, seconds: float, told: bool) -> str:
        newest = self._conversation.get(item.id)
        if newest is None:
            raise InvalidRequest("The question was deleted.", code="item_deleted")
        part = replace(newest.parts[0], words=words)
        self._outgoing.put([out.transcription_completed(item.id, words, seconds)] if told else [])
        self._settle(replace(newest, parts=(part,), status="completed"))
        return words

    def _not_heard(self, item: Item, error: VivaError, told: bool) -> None:
        self._outgoing.put([out.transcription_failed(item.id, error)] if told else [])
        if (newest := self._conversation.get(item.id)) is not None:
            self._settle(replace(newest, status="incomplete"))

    def _settle(self, item: Item) -> None:
        self._conversation.replace(item)
        self._outgoing.put([out.item_done(item, self._conversation.previous(item.id))])

    def _ended(self, item: Item, task: asyncio.Task[str]) -> None:
        self._under_way.pop(item.id, None)
        if (trace := self._traces.pop(item.id, None)) is not None:
            trace.rename("utterance")
            trace.end()
        ours = item.id not in self._elsewhere
        self._elsewhere.discard(item.id)
        _retrieve(task)
        if task.cancelled() and ours and (newest := self._conversation.get(item.id)) is not None:
            self._settle(replace(newest, status="incomplete"))
        if ours:
            self._keeper.hearing(item.id, None)
        else:
            self._keeper.changed()
        self._idle()


def _retrieve(words: asyncio.Future[str]) -> None:
    """Takes note of why there are none: the response that waits for them raises it too, if there is one."""
    if not words.cancelled():
        words.exception()


async def _joined(parts: Sequence[asyncio.Task[str] | str]) -> str:
    words = [part if isinstance(part, str) else await asyncio.shield(part) for part in parts]
    return " ".join(filter(None, words))
