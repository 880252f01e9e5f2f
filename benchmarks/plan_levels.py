"""Questions to a stack and to its simulation: single ones, which make a report, then at random times.

The callers share the machine with everything else; their CPU is in the simulation, too.
"""

import asyncio
import json
import random
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import aiohttp
import orjson
import psutil

from benchmarks.asking import running_stack, spoken, upload
from benchmarks.cores import takeover_s
from benchmarks.machine import Machine
from benchmarks.machinery import cpu_s
from benchmarks.plan_scenarios import Scenario
from benchmarks.question_set import load_all
from viva.plan.capacity import capacity_per_s
from viva.plan.figures import Figures, TurnTimes
from viva.plan.layout import Layout, SharedCores
from viva.plan.report import read_report
from viva.plan.simulation import Simulation
from viva.samples import render
from viva.stack.stack import Stack

LECTURE = Path(__file__).parents[1] / "samples" / "lecture.txt"
DRAWN_ANEW = 20


@dataclass(slots=True)
class Asked:
    """One question and what became of it; times in ms from the start of its upload."""

    at_s: float
    late_ms: float
    question: int
    first_audio_ms: float | None = None
    receipt: dict = field(default_factory=dict)
    clauses: list[int] = field(default_factory=list)
    audio_bytes: int = 0
    outcome: str = "failed"


@dataclass(frozen=True, slots=True)
class Level:
    """One load, measured and simulated; milliseconds."""

    share: float
    per_s: float
    asked: int
    failed: int
    late_p95: float
    busy: float  # cores that the system and its callers used
    others: float  # cores that anything else on the machine used meanwhile
    cpu_factor: dict[str, float]  # CPU that each service took, by what the same questions took of it alone
    measured: tuple[float, float]
    simulated: tuple[float, float]
    with_cpu_alone: tuple[float, float]  # the same, not told the CPU that the load took
    drawn_anew: tuple[float, float]

    @property
    def off(self) -> tuple[float, float]:
        """How far the simulated p50 and p95 are from the measured ones, as shares of those."""
        return tuple(s / m - 1 for s, m in zip(self.simulated, self.measured, strict=True))


async def ask(session: aiohttp.ClientSession, url: str, question: bytes, lecture: str, asked: Asked) -> None:
    """One spoken question, read to its end."""
    form = aiohttp.FormData({"lecture_id": lecture, "audio_format": "mp3"})
    form.add_field("audio", question, filename="q.wav", content_type="audio/wav")
    began, last = time.monotonic(), b""
    async with session.post(f"{url}/invoke", data=form) as response:
        async for line in response.content:
            if line.startswith(b'{"seq":'):
                event = orjson.loads(line)
                asked.clauses.append(len(event["text"]))
                asked.audio_bytes += len(event["data"]) * 3 // 4
                if asked.first_audio_ms is None:
                    asked.first_audio_ms = (time.monotonic() - began) * 1000
            last = line
    done = orjson.loads(last or b"{}")
    if done.get("type") == "done" and asked.first_audio_ms is not None and not done["degraded"]:
        asked.outcome, asked.receipt = "done", done["receipt"]
    else:
        print(f"failed: {last[-400:]!r}", file=sys.stderr)


async def ask_at(url: str, questions: list[bytes], lecture: str, times_s: list[float]) -> list[Asked]:
    """A question at each of these times, whatever became of those before."""
    rows, draw = [], random.Random(7)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    async with (
        aiohttp.ClientSession(connector=connector, read_bufsize=2**22) as session,
        asyncio.TaskGroup() as group,
    ):
        began = time.monotonic()
        for at_s in times_s:
            await asyncio.sleep(max(0.0, began + at_s - time.monotonic()))
            number = draw.randrange(len(questions))
            rows.append(Asked(at_s, (time.monotonic() - began - at_s) * 1000, number))
            group.create_task(ask(session, url, questions[number], lecture, rows[-1]))
    return rows


async def ask_in_turn(url: str, questions: list[bytes], lecture: str, count: int) -> list[Asked]:
    """So many questions, one after another."""
    rows = [Asked(0.0, 0.0, number % len(questions)) for number in range(count)]
    async with aiohttp.ClientSession(read_bufsize=2**22) as session:
        for row in rows:
            await ask(session, url, questions[row.question], lecture, row)
            await asyncio.sleep(0.05)  # what is left of one answer is no part of the next
    return rows


@dataclass(slots=True)
class Alone:
    """Questions that meet nobody, and what they took of the services meanwhile; more may be added."""

    rows: list[Asked] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    held_s: dict[str, float] = field(default_factory=dict)

    def ask(self, stack: Stack, url: str, questions: list[bytes], lecture: str, count: int) -> None:
        """So many more."""
        asyncio.run(ask_in_turn(url, questions, lecture, min(6, count)))  # warm
        before, used, began = held(stack), cpu_s(stack), time.monotonic()
        self.rows += asyncio.run(ask_in_turn(url, questions, lecture, count))
        self.seconds += time.monotonic() - began
        _add(self.held_s, held(stack), before)
        _add(self.cpu_s, cpu_s(stack), used)

    def report(self, scenario: Scenario, folder: Path, machine: Machine) -> Path:
        """Writes it as a load test does. `machine` is as it was before the stack was started."""
        count = len(self.rows)
        resources = {name: {"cpu_s_per_turn": seconds / count} for name, seconds in self.cpu_s.items()}
        # Redis works for nobody but the orchestrator.
        resources["orchestrator"]["cpu_s_per_turn"] += resources["redis"]["cpu_s_per_turn"]
        held_ms = {name: seconds * 1000 / count for name, seconds in self.held_s.items()}
        report = {
            "viva_loadtest": 1,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(self.seconds, 1),
            "machine": asdict(machine),
            "engines": scenario.engines,
            "turns": turns(self.rows),
            "generator": {"cpu_s_per_turn": resources.pop("callers")["cpu_s_per_turn"]},
            "resources": resources,
            "places": {
                "asr": {"places": scenario.asr_places, "held_ms": held_ms["asr"]},
                "tts": {"places": scenario.tts_places, "held_ms": held_ms["tts"]},
            },
            "answers": {"audio_bytes": statistics.mean(row.audio_bytes for row in self.rows)},
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
        (folder / "turns.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in self.rows))
        return folder / "report.json"


def _add(sums: dict[str, float], now: dict[str, float], before: dict[str, float]) -> None:
    for name, value in now.items():
        sums[name] = sums.get(name, 0.0) + value - before[name]


def turns(rows: list[Asked]) -> dict:
    """How they ended, as a load test's report says it."""
    done = sum(row.outcome == "done" for row in rows)
    failed = {"failed": len(rows) - done} if done < len(rows) else {}
    return {"asked": len(rows), "done": done, "shed": 0, "failed": failed}


def held(stack: Stack) -> dict[str, float]:
    """Seconds so far for which questions had a worker of asr, and clauses one of tts."""
    return {name: sums(stack, name)[f"viva_{name}_engine_seconds_sum"] for name in ("asr", "tts")}


def sums(stack: Stack, name: str) -> dict[str, float]:
    """The sums of a service's histograms, over all labels."""
    found: dict[str, float] = {}
    with urllib.request.urlopen(f"{stack[name].part.url}/metrics") as response:
        for line in response.read().decode().splitlines():
            key = line.partition(" ")[0].partition("{")[0]
            if key.endswith("_sum"):
                found[key] = found.get(key, 0.0) + float(line.rsplit(" ", 1)[1])
    return found


def poisson(per_s: float, seconds: float, seed: int) -> list[float]:
    """Random times at this rate."""
    draw, at_s, times = random.Random(seed), 0.0, []
    while (at_s := at_s + draw.expovariate(per_s)) < seconds:
        times.append(at_s)
    return times


def machine_cpu_s() -> float:
    """CPU seconds that the whole machine used so far."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq


def cuts(values: list[float]) -> tuple[float, float]:
    """p50 and p95."""
    quantiles = statistics.quantiles(values, n=100, method="inclusive")
    return quantiles[49], quantiles[94]


@dataclass(frozen=True, slots=True)
class Used:
    """What a load took of the machine: CPU seconds of each service and of the callers, of all else, and the time."""

    cpu_s: dict[str, float]
    others_s: float
    seconds: float


def compare(report: Path, layout: Layout, alone: list[Asked], rows: list[Asked], share: float, used: Used) -> Level:
    """The measured turns of one load beside the simulated ones, made from those that were asked alone.

    Of the load itself the simulation is told when each question came, which one it was, and how much CPU each service
    took for all of them.
    """
    figures = read_report(report)
    turns_of: dict[int, list[TurnTimes]] = {}
    for row, turn in zip((row for row in alone if row.outcome == "done"), figures.turns, strict=True):
        turns_of.setdefault(row.question, []).append(turn)
    times_s = [row.at_s for row in rows]
    per_s = len(times_s) / times_s[-1]
    untold, replayed, anew, factors = [], [], [], []
    for seed in range(DRAWN_ANEW):
        # Replays differ in which of the times of each question is drawn, and in nothing else.
        draw = random.Random(seed)
        turns = [draw.choice(turns_of[row.question]) for row in rows]
        by_figures = Simulation(figures, layout, seed).run(times_s, turns=turns)
        untold += by_figures.first_audio_ms
        factors.append(cpu_factor(used.cpu_s, by_figures.cpu_s))
        like = replace(layout, machine=replace(layout.machine, cpu_factor=factors[-1]))
        replayed += Simulation(figures, like, seed).run(times_s, turns=turns).first_audio_ms
        others = poisson(per_s, times_s[-1], 1000 + seed)
        anew += Simulation(figures, like, seed).run(others).first_audio_ms
    return Level(
        share=share,
        per_s=per_s,
        asked=len(rows),
        failed=sum(row.outcome != "done" for row in rows),
        late_p95=cuts([row.late_ms for row in rows])[1],
        busy=sum(used.cpu_s.values()) / used.seconds,
        others=used.others_s / used.seconds,
        cpu_factor={name: statistics.mean(factor[name] for factor in factors) for name in factors[0]},
        measured=cuts([row.first_audio_ms for row in rows if row.outcome == "done"]),
        simulated=cuts(replayed),
        with_cpu_alone=cuts(untold),
        drawn_anew=cuts(anew),
    )


def cpu_factor(used_s: Mapping[str, float], by_figures_s: Mapping[str, float]) -> dict[str, float]:
    """How many times the CPU that the figures say each service took; Redis works for the orchestrator alone."""
    used = dict(used_s)
    used["orchestrator"] += used.pop("redis")
    return {name: used[name] / seconds for name, seconds in by_figures_s.items() if seconds}


@dataclass(frozen=True, slots=True)
class Measured:
    """A stack that has answered single questions, and what was found of it."""

    stack: Stack
    url: str
    lecture: str
    questions: list[bytes]
    scenario: Scenario
    machine: Machine
    cores: SharedCores
    folder: Path

    @property
    def layout(self) -> Layout:
        """Where it runs."""
        return Layout({}, machine=self.cores, made_anew=self.scenario.made_anew)

    @property
    def figures(self) -> Figures:
        """What its report says."""
        return read_report(self.folder / "report.json")

    @property
    def capacity(self) -> float:
        """Turns a second that it can carry, going by the report."""
        return capacity_per_s(self.figures, self.layout)

    def ask_alone(self, alone: Alone) -> None:
        """Single questions, as many as the scenario says."""
        alone.ask(self.stack, self.url, self.questions, self.lecture, self.scenario.alone)

    def level(self, share: float, count: int, seed: int) -> Level:
        """Asks it and its simulation about so many questions at random times, at this share of the capacity."""
        alone, folder = Alone(), self.folder / f"level-{share}"
        self.ask_alone(alone)
        per_s = share * self.capacity
        times_s = poisson(per_s, count / per_s, seed)
        before, began, machine_before = cpu_s(self.stack), time.monotonic(), machine_cpu_s()
        rows = asyncio.run(ask_at(self.url, self.questions, self.lecture, times_s))
        cpu = {name: seconds - before[name] for name, seconds in cpu_s(self.stack).items()}
        others_s = max(0.0, machine_cpu_s() - machine_before - sum(cpu.values()))
        used = Used(cpu, others_s, time.monotonic() - began)
        self.ask_alone(alone)
        report = alone.report(self.scenario, folder, self.machine)
        (folder / "asked.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))
        (folder / "used.json").write_text(json.dumps(asdict(used)) + "\n")
        return compare(report, self.layout, alone.rows, rows, share, used)


@contextmanager
def measured(scenario: Scenario, folder: Path, machine: Machine) -> Iterator[Measured]:
    """The scenario's stack, after its single questions; the report is in `folder`."""
    cores = SharedCores(machine.cores, takeover_s(), weights=scenario.weights)
    with running_stack(scenario.environ) as (stack, url, place):
        render(LECTURE.read_text(), place / "lecture.wav")
        lecture = upload(url, place / "lecture.wav")
        asked = next(found for found in load_all() if found.name == "transistor").answerable[: scenario.questions]
        questions = [spoken(question.ask, place) for question in asked]
        alone = Alone()
        alone.ask(stack, url, questions, lecture, scenario.alone)
        alone.report(scenario, folder, machine)
        yield Measured(stack, url, lecture, questions, scenario, machine, cores, folder)
