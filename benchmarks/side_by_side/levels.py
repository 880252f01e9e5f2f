"""One way of answering, asked by one person or by many at once: times, CPU and memory of its process."""

import asyncio
import random
import statistics
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
import psutil

from benchmarks.memory import cpu_of_tree
from benchmarks.side_by_side.callers import Caller, NotAnswered
from benchmarks.side_by_side.ways import Way

BEGIN_WITHIN_S = 3.0
"""Many begin to speak within so long a time of one another, at the same random moments for each way."""
_SETTLE_S = 2.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Question:
    """What everybody says: s16le mono."""

    pcm: bytes
    rate_hz: int


@dataclass(slots=True)
class Level:
    """What was seen of one way with so many conversations; times in seconds, memory in bytes a conversation."""

    way: str
    conversations: int
    first_audio_s: list[float] = field(default_factory=list)
    failed: int = 0
    cpu_s: float = 0.0
    heard: int = 0
    """Turns that were listened to until their end: those of which `cpu_s` is known."""
    idle_cpu_share: float = 0.0
    """Of one core, by all the conversations while nobody asks."""
    idle_bytes: float = 0.0
    active_bytes: float = 0.0

    @property
    def cpu_ms(self) -> float | None:
        """A whole turn's."""
        return self.cpu_s * 1000 / self.heard if self.heard else None

    def quantile_s(self, percent: int) -> float:
        """Of the times to the first audio."""
        return statistics.quantiles(self.first_audio_s, n=100, method="inclusive")[percent - 1]


def merged(levels: Iterable[Level]) -> Level:
    """The rounds of one way as one. Memory is the first round's: later ones find what that has left."""
    first, *others = levels
    whole = Level(first.way, first.conversations, idle_bytes=first.idle_bytes, active_bytes=first.active_bytes)
    for level in (first, *others):
        whole.first_audio_s += level.first_audio_s
        whole.failed += level.failed
        whole.cpu_s += level.cpu_s
        whole.heard += level.heard
    whole.idle_cpu_share = statistics.mean(level.idle_cpu_share for level in (first, *others))
    return whole


async def one_by_one(way: Way, question: Question, turns: int) -> Level:
    """One conversation, in which each answer is interrupted after its first audio by the next question."""
    level = Level(way.name, 1)
    async with _conversations(way, question, 1) as (caller,):
        for _ in range(turns):
            await _ask(caller, level)
    return level


async def all_at_once(way: Way, question: Question, conversations: int) -> Level:
    """So many conversations of one turn, each listened to until its end."""
    level, moments = Level(way.name, conversations), random.Random(conversations)
    before = resident_bytes(way.pid)
    async with _conversations(way, question, conversations) as callers:
        await asyncio.sleep(_SETTLE_S)
        idle_from = cpu_of_tree(way.pid)
        await asyncio.sleep(_SETTLE_S)
        began_cpu = cpu_of_tree(way.pid)
        level.idle_cpu_share = (began_cpu - idle_from) / _SETTLE_S
        level.idle_bytes = (resident_bytes(way.pid) - before) / conversations

        async def turn(caller: Caller, begins_after_s: float) -> None:
            await asyncio.sleep(begins_after_s)
            if await _ask(caller, level):
                await caller.listen()
                level.heard += 1

        async with _peak(way.pid) as peak, asyncio.TaskGroup() as group:
            for caller in callers:
                group.create_task(turn(caller, moments.uniform(0, BEGIN_WITHIN_S)))
        level.cpu_s = cpu_of_tree(way.pid) - began_cpu
        level.active_bytes = (max(peak) - before) / conversations
    return level


async def _ask(caller: Caller, level: Level) -> bool:
    try:
        level.first_audio_s.append(await caller.ask())
    except (NotAnswered, TimeoutError) as error:
        level.failed += 1
        print(f"{level.way}: {error or 'no answer in time'}", file=sys.stderr)
        return False
    return True


@asynccontextmanager
async def _conversations(way: Way, question: Question, count: int) -> AsyncIterator[list[Caller]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, read_bufsize=2**22) as session,
        AsyncExitStack() as held,
    ):
        callers = [way.caller(session, way.address, question.pcm, question.rate_hz) for _ in range(count)]
        yield [await held.enter_async_context(caller) for caller in callers]


@asynccontextmanager
async def _peak(pid: int) -> AsyncIterator[list[int]]:
    """The sizes that a process has meanwhile."""
    seen = [resident_bytes(pid)]

    async def look() -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            seen.append(resident_bytes(pid))

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


def resident_bytes(pid: int) -> int:
    """Of a process and its children. What they share counts for each, which growth is not concerned by."""
    root, total = psutil.Process(pid), 0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total
