"""What a router adds to a stream, side by side: Viva's llm service, vllm-router, litellm's proxy, and no proxy at all.

    scripts/benchmark_env                 once: the others, each in an environment of its own
    python -m benchmarks.router [--streams 30,100,300] [--rounds 3] [--json OUT.json]

Two model servers of a set pace (paced_model.py), one process each, and the same load (stream_load.py) for all, which
take turns: each round asks every way once. A proxy has a core to itself where the machine has two. The first token
counts from the request's first byte to the token's arrival, less the time that the model server took; what is added is
that less the same without a proxy, in the same round. CPU is of the proxy with all its children, user and system,
over the tokens that came, and has the requests' own work in it.

A turn during which other processes took more than `--quiet` of the machine is repeated, at most twice.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from benchmarks.cpu_time import CPUTime, cpu_time
from benchmarks.machine import this_machine
from benchmarks.proxies import PROXIES, Started, running, wait_until_it_answers
from benchmarks.stream_load import Load, Seen, keep_up
from viva.stack.ports import free_ports

DIRECT = "no proxy"
REPLICAS = 2
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the model servers: where to ask, and the process whose CPU counts, None without a proxy."""

    name: str
    ports: list[int]
    pid: int | None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one way was like in one round; times in milliseconds, CPU in microseconds per event, shares from 0 to 1."""

    way: str
    streams: int
    round: int
    finished: int
    errors: int
    events: int
    first_p50: float
    first_p95: float
    first_p99: float
    cpu_us: float | None
    client_cpu_us: float
    others: float


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: medians over the rounds; `added_...` to the first token, in milliseconds."""

    way: str
    streams: int
    errors: int
    added_p50: float
    added_p95: float
    added_p99: float
    cpu_us: float | None
    client_cpu_us: float
    others: float


def take_turn(way: Way, load: Load, number: int, model_pids: list[int]) -> Turn:
    """One way under load."""
    named = {"client": [os.getpid()], "models": model_pids, "proxy": [way.pid] if way.pid else []}
    began: list[CPUTime] = []
    seen = uvloop.run(keep_up(way.ports, load, lambda: began.append(cpu_time(named))))
    used = cpu_time(named) - began[0]
    return turn_of(way, load, number, seen, used)


def turn_of(way: Way, load: Load, number: int, seen: Seen, used: CPUTime) -> Turn:
    """The figures of what was seen and used."""
    each = 1e6 / max(1, seen.events)
    p50, p95, p99 = percentiles(seen.first_ms)
    return Turn(
        way=way.name,
        streams=load.streams,
        round=number,
        finished=seen.finished,
        errors=seen.errors,
        events=seen.events,
        first_p50=p50,
        first_p95=p95,
        first_p99=p99,
        cpu_us=used.named["proxy"] * each if way.pid else None,
        client_cpu_us=used.named["client"] * each,
        others=used.share_of_others(),
    )


def percentiles(values: list[float]) -> tuple[float, float, float]:
    """p50, p95 and p99; NaN of nothing."""
    if len(values) < 2:
        return (float("nan"),) * 3
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]


def quiet_turn(way: Way, load: Load, number: int, model_pids: list[int], quiet: float) -> Turn:
    """The first of some turns that the machine had to itself, else the one that had the most of it."""
    turns: list[Turn] = []
    while len(turns) < ATTEMPTS and (not turns or turns[-1].others > quiet):
        turns.append(take_turn(way, load, number, model_pids))
        print(f"  {turns[-1]}", file=sys.stderr)
    return min(turns, key=lambda turn: turn.others)


def rows_of(turns: list[Turn]) -> list[Row]:
    """Medians over the rounds, of what each adds to the direct way of its own round."""
    direct = {(turn.streams, turn.round): turn for turn in turns if turn.way == DIRECT}
    groups: dict[tuple[int, str], list[Turn]] = {}
    for turn in turns:
        groups.setdefault((turn.streams, turn.way), []).append(turn)

    def added(group: list[Turn], name: str) -> float:
        return statistics.median(getattr(t, name) - getattr(direct[t.streams, t.round], name) for t in group)

    return [
        Row(
            way=way,
            streams=streams,
            errors=sum(turn.errors for turn in group),
            added_p50=added(group, "first_p50"),
            added_p95=added(group, "first_p95"),
            added_p99=added(group, "first_p99"),
            cpu_us=None if way == DIRECT else statistics.median(turn.cpu_us for turn in group),
            client_cpu_us=statistics.median(turn.client_cpu_us for turn in group),
            others=statistics.median(turn.others for turn in group),
        )
        for (streams, way), group in groups.items()
    ]


def table(turns: list[Turn]) -> str:
    """The figures for people. Without a proxy the times are as they are, with one what it adds to them."""
    lines = [
        "| Streams | Way | first token p50 / p95 / p99 | CPU per event | errors | generator's CPU | others' share |",
        "|---|---|---|---|---|---|---|",
    ]
    plain = {
        streams: [
            statistics.median(getattr(t, name) for t in turns if (t.streams, t.way) == (streams, DIRECT))
            for name in ("first_p50", "first_p95", "first_p99")
        ]
        for streams in {turn.streams for turn in turns}
    }
    for row in rows_of(turns):
        times = plain[row.streams] if row.way == DIRECT else [row.added_p50, row.added_p95, row.added_p99]
        sign = "" if row.way == DIRECT else "+"
        first = " / ".join(f"{sign if time >= 0 else ''}{time:.2f}" for time in times)
        cpu = "" if row.cpu_us is None else f"{row.cpu_us:.0f} µs"
        lines.append(
            f"| {row.streams} | {row.way} | {first} ms | {cpu} | {row.errors} "
            f"| {row.client_cpu_us:.0f} µs | {row.others:.0%} |"
        )
    return "\n".join(lines)


def compare(options: argparse.Namespace) -> list[Turn]:
    """Starts everything, and lets the ways take turns."""
    proxy_core, other_core = cores()
    chosen = [proxy for proxy in PROXIES if proxy.installed and (not options.only or proxy.name in options.only)]
    model_ports, ports = free_ports(REPLICAS), free_ports(2 * len(chosen))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        def start(name: str, started: Started, port: int, core: int | None) -> int:
            log = folder / f"{name}.log"
            process = stack.enter_context(running(started, core=core, log=log))
            wait_until_it_answers(port, process, log)
            return process.pid

        def start_model(port: int) -> int:
            command = [sys.executable, "-m", "benchmarks.paced_model", str(port)]
            return start(f"model {port}", Started(command, {}), port, other_core)

        models = [start_model(port) for port in model_ports]
        ways = [Way(DIRECT, model_ports, None)]
        for number, proxy in enumerate(chosen):
            port, spare = ports[2 * number : 2 * number + 2]
            pid = start(proxy.name, proxy.start(port, spare, model_ports, folder), port, proxy_core)
            ways.append(Way(proxy.name, [port], pid))
        if other_core is not None:
            os.sched_setaffinity(0, {other_core})
        for way in ways:  # imports, connections, caches
            take_turn(way, Load(min(20, max(options.streams)), 10, 30, 1.0), 0, models)
        return [
            quiet_turn(
                way,
                Load(streams, options.tokens, options.rate, options.seconds),
                number,
                models,
                options.quiet,
            )
            for streams in options.streams
            for number in range(options.rounds)
            for way in ways
        ]


def cores() -> tuple[int | None, int | None]:
    """The proxy's core, and that of the model servers and the load; None where processes cannot be bound to one."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (usable[0], usable[-1]) if usable else (None, None)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    several = parser.add_argument_group("load")
    several.add_argument("--streams", type=_numbers, default=[30, 100, 300], help="streams at once, as 30,100,300")
    several.add_argument("--rate", type=int, default=30, help="tokens per second of each")
    several.add_argument("--tokens", type=int, default=150, help="tokens of each")
    several.add_argument("--seconds", type=float, default=5.0, help="how long a turn is measured")
    several.add_argument("--rounds", type=int, default=3, help="turns of each way")
    parser.add_argument("--only", nargs="*", default=[], help="names of the proxies to measure")
    parser.add_argument("--quiet", type=float, default=0.1, help="share of the machine that others may take, 0 to 1")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main() -> None:
    """Compares, and prints the table."""
    options = arguments().parse_args()
    machine = this_machine()
    turns = compare(options)
    versions = [f"{proxy.name} {proxy.version}" for proxy in PROXIES if proxy.installed and proxy.version]
    missing = [proxy.name for proxy in PROXIES if not proxy.installed]
    print(machine)
    print(f"{options.rounds} rounds of {options.seconds:g} s; streams of {options.tokens} tokens at {options.rate}/s")
    print(", ".join(versions) + (f"; not installed: {', '.join(missing)}" if missing else ""))
    print(f"\n{table(turns)}")
    if options.json:
        figures = {
            "machine": asdict(machine),
            "versions": versions,
            "turns": [asdict(turn) for turn in turns],
        }
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    # Otherwise the processes that we started would stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
