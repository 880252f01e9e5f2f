"""What the llm service adds to a stream: CPU per event, and time to the first and to every later token.

    python -m benchmarks.llm_relay [--streams 100] [--rate 30] [--tokens 150] [--json OUT.json]

A model server of a set pace (paced_model.py) is asked twice in one run, directly and through the service, which has a
core to itself where the machine has two. Streams begin at random within one second. Tokens carry the time at which
they were sent, so that what is measured is the way alone: for the first token there and back, for the others back.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
import uvloop

from benchmarks.machine import this_machine
from viva.stack.ports import LOOPBACK, free_ports

READY_WITHIN_S = 30.0


@dataclass(slots=True)
class Seen:
    """What one round of streams saw; times in milliseconds."""

    first_ms: list[float] = field(default_factory=list)
    later_ms: list[float] = field(default_factory=list)
    finished: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """One line of the table; times in milliseconds, CPU in microseconds per event."""

    way: str
    streams: int
    finished: int
    events: int
    first_p50: float
    first_p99: float
    later_p50: float
    later_p99: float
    cpu_us: float | None
    client_cpu_us: float


class StreamClient(asyncio.Protocol):
    """One stream over one connection; parses only as much as it measures, to cost little itself."""

    def __init__(self, request: bytes, seen: Seen) -> None:
        self._request, self._seen = request, seen
        self._is_first = True
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._asked = time.monotonic()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        for piece in data.split(b'"content":"@')[1:]:
            times = piece.split(b"@", 2)
            sent = float(times[0])
            if self._is_first:
                self._is_first = False
                thought = sent - float(times[1])
                self._seen.first_ms.append((now - self._asked - thought) * 1000)
            else:
                self._seen.later_ms.append((now - sent) * 1000)
        if b"data: [DONE]" in data:
            self._seen.finished += 1
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def request_of(port: int, rate: int, tokens: int) -> bytes:
    """The bytes of one question: a lecture of 20 KB before it, as in a real turn."""
    lecture = "\n".join(f"[{n}] 00:00-00:09 " + "a sentence of the lecture " * 3 for n in range(1, 221))
    messages = [{"role": "system", "content": lecture}, {"role": "user", "content": "Why is that?"}]
    asked = {"model": "paced", "stream": True, "max_tokens": tokens, "seed": rate, "messages": messages}
    body = json.dumps(asked).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def ask_all(port: int, streams: int, rate: int, tokens: int) -> Seen:
    """All streams once, begun at random within a second."""
    seen, request, loop = Seen(), request_of(port, rate, tokens), asyncio.get_running_loop()
    chance = random.Random(1)

    async def one() -> None:
        await asyncio.sleep(chance.random())
        _transport, stream = await loop.create_connection(lambda: StreamClient(request, seen), LOOPBACK, port)
        await stream.done

    await asyncio.gather(*(one() for _ in range(streams)))
    return seen


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def measure(way: str, port: int, pid: int | None, options: argparse.Namespace) -> Figures:
    """One round; `pid` is of the process whose CPU counts."""
    ask = (options.streams, options.rate, options.tokens)
    uvloop.run(ask_all(port, min(10, options.streams), options.rate, 10))  # imports, connections, caches
    before, own_before = cpu_s(pid) if pid else 0.0, time.process_time()
    seen = uvloop.run(ask_all(port, *ask))
    used, own = (cpu_s(pid) - before) if pid else None, time.process_time() - own_before
    events = len(seen.first_ms) + len(seen.later_ms)
    return Figures(
        way=way,
        streams=options.streams,
        finished=seen.finished,
        events=events,
        first_p50=percentile(seen.first_ms, 50),
        first_p99=percentile(seen.first_ms, 99),
        later_p50=percentile(seen.later_ms, 50),
        later_p99=percentile(seen.later_ms, 99),
        cpu_us=None if used is None else used / max(1, events) * 1e6,
        client_cpu_us=own / max(1, events) * 1e6,
    )


def percentile(values: list[float], of_100: int) -> float:
    """A percentile, NaN of nothing."""
    return statistics.quantiles(values, n=100, method="inclusive")[of_100 - 1] if len(values) > 1 else float("nan")


@contextmanager
def process(module: str, *arguments: str, core: int, port: int, **environ: str) -> Iterator[int]:
    """A Python process on one core, once it listens; stopped at the end. Yields its id."""
    command = [sys.executable, "-m", module, *arguments]
    running = subprocess.Popen(command, env=os.environ | environ, stderr=subprocess.DEVNULL)
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(running.pid, {core})
        give_up_at = time.monotonic() + READY_WITHIN_S
        while not listens(port):
            if running.poll() is not None or time.monotonic() > give_up_at:
                raise SystemExit(f"{module} did not start")
            time.sleep(0.05)
        yield running.pid
    finally:
        running.terminate()
        running.wait()


def listens(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    try:
        asyncio.run(asyncio.wait_for(asyncio.open_connection(LOOPBACK, port), 1))
    except OSError:
        return False
    return True


def cores() -> tuple[int, int]:
    """The service's core, and that of the model server and the client."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return usable[0], usable[-1]


def table(rows: list[Figures]) -> str:
    """The figures for people."""
    lines = [
        "| Way | streams | finished | first token p50 / p99 | later tokens p50 / p99 | CPU per event | client's CPU |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cpu = "" if row.cpu_us is None else f"{row.cpu_us:.0f} µs"
        lines.append(
            f"| {row.way} | {row.streams} | {row.finished} | {row.first_p50:.2f} / {row.first_p99:.2f} ms "
            f"| {row.later_p50:.2f} / {row.later_p99:.2f} ms | {cpu} | {row.client_cpu_us:.0f} µs |"
        )
    direct, through = rows
    p50, p99 = through.first_p50 - direct.first_p50, through.first_p99 - direct.first_p99
    return "\n".join([*lines, "", f"Added to the first token: {p50:.2f} ms at p50, {p99:.2f} ms at p99."])


def main() -> None:
    """Runs both ways and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100, help="streams at once")
    parser.add_argument("--rate", type=int, default=30, help="tokens per second of each")
    parser.add_argument("--tokens", type=int, default=150, help="tokens of each")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    service_core, other_core = cores()
    model_port, service_port = free_ports(2)
    with ExitStack() as stack:
        stack.enter_context(process("benchmarks.paced_model", str(model_port), core=other_core, port=model_port))
        pid = stack.enter_context(
            process(
                "viva_llm",
                core=service_core,
                port=service_port,
                VIVA_PORT=str(service_port),
                VIVA_LLM_BACKENDS=f"openai:http://{LOOPBACK}:{model_port}/v1|paced",
                VIVA_LLM_MAX_ACTIVE="1000",
                VIVA_LOG_FORMAT="json",
            )
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {other_core})
        rows = [measure("direct", model_port, None, options), measure("through llm", service_port, pid, options)]
    print(f"{machine}\n{options.streams} streams of {options.rate} tokens/s, {options.tokens} tokens each\n")
    print(table(rows))
    if options.json:
        figures = {"machine": asdict(machine), "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
