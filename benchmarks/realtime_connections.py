"""What an open Realtime connection costs: its memory while it is idle, and what a thousand do to the turns of others.

    python -m benchmarks.realtime_connections [--idle 1000] [--turns 100] [--seconds 20] [--spoken] [--json OUT.json]

One orchestrator process on one core, over the fake engines of `benchmarks.machinery`, whose latencies are known. The
idle connections are opened in a fresh process, each set up with a session.update as clients do, and its memory is read
before and after. Beside them callers ask over and over, each on a connection of its own. Then each idle connection
asks one question and is idle again; the memory is read before and after that, too. They are closed, the callers ask
without them, and both ways of asking are repeated. Time to first audio is from the end of the question to the first
audio delta, over the set latencies. With --spoken a question is audio, committed as push-to-talk does, instead of text.

The orchestrator has the first core to itself; the stages share the others with the callers, as in the machinery.
"""

import argparse
import asyncio
import base64
import gc
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp
import orjson

from benchmarks.asking import running_stack, spoken, upload
from benchmarks.machine import this_machine
from benchmarks.machinery import ANSWER, FAKES, QUESTION, TOKENS_PER_S, cpu_s, critical_path_ms, share_cores
from benchmarks.memory import settled
from viva.stack.stack import Stack

OPENED_AT_ONCE = 50
SETTINGS = {"VIVA_REALTIME_MAX_CONNECTIONS": "100000"}
SILENCE = bytes(2 * 24_000)
"""The fake recogniser hears its words in anything."""


@dataclass(slots=True)
class Seen:
    """What the callers saw."""

    first_audio_ms: list[float] = field(default_factory=list)
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """The turns beside so many idle connections; times over the set latencies, CPU of the orchestrator per turn."""

    idle: int
    finished: int
    failed: int
    p50: float
    p95: float
    p99: float
    cpu_ms: float
    busy: float  # of the orchestrator's core, 0 to 1


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the orchestrator's processes: before the idle connections, with them, after the turns of the callers
    beside them, after a turn of each of them, and without them again."""

    without: int
    opened: int
    after_callers: int
    after_a_turn: int
    closed: int

    def per_connection(self, idle: int) -> tuple[float, float]:
        """Of one that is open, and of one that has asked a question. The memory that turns take while they run stays
        with the process; the callers have had theirs before the idle ones ask."""
        opened = (self.opened - self.without) / idle
        return opened, opened + max(0, self.after_a_turn - self.after_callers) / idle


class Caller:
    """One connection, which is read all the time: otherwise nobody would answer the server's pings."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse, *, speaks: bool) -> None:
        self._connection = connection
        self._speaks = speaks
        self._events: asyncio.Queue[dict] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._connection:
            self._events.put_nowait(orjson.loads(message.data))
        self._events.put_nowait({"type": "error", "error": {"message": "the connection was closed"}})

    async def close(self) -> None:
        """Says goodbye."""
        await self._connection.close()
        await self._reading

    async def set_up(self) -> None:
        """As clients do on connecting; turns are found by the client."""
        await self._until("session.created")
        await self._send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await self._until("session.updated")

    async def ask(self) -> tuple[float, str]:
        """Milliseconds to the first audio, and how the response ended; one that was not spoken has failed."""
        if self._speaks:
            await self._send("input_audio_buffer.append", audio=base64.b64encode(SILENCE).decode())
            began = time.monotonic()
            await self._send("input_audio_buffer.commit")
        else:
            content = [{"type": "input_text", "text": QUESTION}]
            began = time.monotonic()
            await self._send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self._send("response.create")
        event = await self._until("response.output_audio.delta", "response.done")
        first_ms = (time.monotonic() - began) * 1000
        if event["type"] == "response.done":
            print(f"not spoken: {event['response']['status_details'] or event['response']['viva']}", file=sys.stderr)
            return first_ms, "failed"
        done = await self._until("response.done")
        return first_ms, done["response"]["status"]

    async def _send(self, kind: str, **fields: object) -> None:
        await self._connection.send_str(orjson.dumps({"type": kind, **fields}).decode())

    async def _until(self, *kinds: str) -> dict:
        while True:
            event = await self._events.get()
            if event["type"] == "error":
                raise RuntimeError(event["error"]["message"])
            if event["type"] in kinds:
                return event


@asynccontextmanager
async def connections(url: str, lecture: str, count: int, *, speaks: bool = False) -> AsyncIterator[list[Caller]]:
    """So many of them, set up; closed afterwards."""
    address = f"{url.replace('http', 'ws', 1)}/v1/realtime?model=viva&lecture_id={lecture}"
    gate = asyncio.Semaphore(OPENED_AT_ONCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def opened() -> Caller:
            async with gate:
                caller = Caller(await session.ws_connect(address, max_msg_size=0), speaks=speaks)
                await caller.set_up()
                return caller

        callers = await asyncio.gather(*(opened() for _ in range(count)))
        try:
            yield callers
        finally:
            for caller in callers:
                await caller.close()


async def keep_asking(callers: Sequence[Caller], seconds: float, turn_s: float) -> Seen:
    """Each asks again as soon as it is answered; they begin at random within one turn's time."""
    seen = Seen()
    give_up_at = time.monotonic() + seconds

    async def ask(caller: Caller) -> None:
        await asyncio.sleep(random.uniform(0, turn_s) if len(callers) > 1 else 0)
        while time.monotonic() < give_up_at:
            first_ms, status = await caller.ask()
            if status == "completed":
                seen.first_audio_ms.append(first_ms)
            else:
                seen.failed += 1
                await asyncio.sleep(1)  # what fails at once must not fill the time

    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(ask(caller))
    return seen


class Bench:
    """The measurement on one stack."""

    def __init__(self, stack: Stack, url: str, lecture: str, options: argparse.Namespace, path_ms: float) -> None:
        self._stack, self._url, self._lecture = stack, url, lecture
        self._options, self._path_ms = options, path_ms
        self._pid = stack["orchestrator"].pid

    async def turns(self, idle: int) -> Level:
        """The turns of the callers, beside so many connections that are open."""
        turn_s = self._path_ms / 1000 + len(ANSWER.split()) / TOKENS_PER_S
        options = self._options
        async with connections(self._url, self._lecture, options.turns, speaks=options.spoken) as callers:
            await keep_asking(callers, 3.0, turn_s)  # warm
            before, began = cpu_s(self._stack)["orchestrator"], time.monotonic()
            seen = await keep_asking(callers, options.seconds, turn_s)
            used, wall = cpu_s(self._stack)["orchestrator"] - before, time.monotonic() - began
        cuts = statistics.quantiles(seen.first_audio_ms, n=100, method="inclusive")
        p50, p95, p99 = (cuts[at] - self._path_ms for at in (49, 94, 98))
        finished = len(seen.first_audio_ms)
        return Level(idle, finished, seen.failed, p50, p95, p99, used * 1000 / finished, used / wall)

    async def run(self) -> tuple[list[Level], Memory]:
        """All of it."""
        idle = self._options.idle
        async with connections(self._url, self._lecture, 1) as (first,):
            await first.ask()  # what is loaded with the first question is no connection's
        without = settled(self._pid)
        async with connections(self._url, self._lecture, idle) as sleepers:
            opened = settled(self._pid)
            levels = [await self.turns(idle)]
            after_callers = settled(self._pid)
            at_once = min(OPENED_AT_ONCE, self._options.turns)
            for start in range(0, idle, at_once):
                await asyncio.gather(*(sleeper.ask() for sleeper in sleepers[start : start + at_once]))
            after_a_turn = settled(self._pid)
        closed = settled(self._pid)
        levels.append(await self.turns(0))
        async with connections(self._url, self._lecture, idle):
            levels.append(await self.turns(idle))
        levels.append(await self.turns(0))
        return levels, Memory(without, opened, after_callers, after_a_turn, closed)


def print_figures(levels: Sequence[Level], memory: Memory, idle: int, turns: int, path_ms: float) -> None:
    """The tables."""
    print(f"set latencies up to the first audio: {path_ms:.0f} ms\n")
    late = "first audio over the set latencies, p50 / p95 / p99"
    print(f"| Idle connections | turns of {turns} callers | failed | {late} ", end="")
    print("| orchestrator's CPU a turn | its core busy |")
    print("|---" * 6 + "|")
    for level in levels:
        over = " / ".join(f"{value:.1f}" for value in (level.p50, level.p95, level.p99))
        rest = f"{level.cpu_ms:.1f} ms | {level.busy:.0%}"
        print(f"| {level.idle} | {level.finished} | {level.failed} | {over} ms | {rest} |")
    print()
    opened, asked = memory.per_connection(idle)
    print(f"memory per idle connection: {opened / 1000:.1f} KB; after a turn: {asked / 1000:.1f} KB")
    mb = {name: value / 1e6 for name, value in asdict(memory).items()}
    print(
        f"orchestrator: {mb['without']:.0f} MB without them, {mb['opened']:.0f} MB with them, "
        f"{mb['after_callers']:.0f} MB after the callers' turns, {mb['after_a_turn']:.0f} MB after a turn each, "
        f"{mb['closed']:.0f} MB when they are closed"
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=1000, help="connections that are open and silent")
    parser.add_argument("--turns", type=int, default=100, help="callers who ask")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they ask each time")
    parser.add_argument("--spoken", action="store_true", help="spoken questions instead of typed ones")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}\n")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # of the orchestrator too, which is started by us
    with running_stack(FAKES | SETTINGS) as (stack, url, folder):
        spoken(QUESTION, folder)
        lecture = upload(url, folder / "question.wav")
        path_ms = critical_path_ms(b"" if options.spoken else QUESTION)
        share_cores(stack)
        gc.freeze()
        levels, memory = asyncio.run(Bench(stack, url, lecture, options, path_ms).run())
    print_figures(levels, memory, options.idle, options.turns, path_ms)
    if options.json:
        figures = {"set_ms": path_ms, "levels": [asdict(level) for level in levels], "memory": asdict(memory)}
        options.json.write_text(json.dumps({"machine": asdict(machine), **figures}, indent=2))


if __name__ == "__main__":
    main()
