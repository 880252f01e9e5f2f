"""From the end of a question's upload to the first audio of its answer.

    python -m benchmarks.time_to_first_audio [--questions 20] [--json OUT.json]           the embedded engines
    python -m benchmarks.time_to_first_audio --machinery [--turns 1 100] [--seconds 30]    fake engines of set latencies

The first asks the sample lecture short spoken questions, one after another, on the stack as `make run` starts it.

The second replaces every engine by a fake one whose latency is known, so that the critical path is known too: hear the
question, first token, the tokens of the first clause, its speech. What a turn takes longer than that is what the
machinery costs: HTTP, decoding the question, detecting speech, routing, Redis, the event loop. The orchestrator has one
core to itself and the fake stages share the other with the callers. Callers begin at random within one turn's time,
then ask again as soon as they are answered.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp
import orjson
import psutil

from benchmarks.machine import this_machine
from benchmarks.question_set import load_all
from viva.client import VivaClient
from viva.samples import render
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack
from viva.text import SentenceSplitter

READY_S = 120.0
ASR_MS, FIRST_TOKEN_MS, TTS_MS, TOKENS_PER_S = 200.0, 150.0, 80.0, 30.0
CLAUSE = "In the first transistor, the contacts were made of gold foil [1]. "
ANSWER = CLAUSE + "They were pressed against a slab of germanium by a spring, and it worked. " * 7
FAKES = {
    "VIVA_ASR_ENGINE": "fake",
    "VIVA_ASR_FAKE_LATENCY_MS": str(ASR_MS),
    "VIVA_ASR_FAKE_TEXT": "what were the contacts made of",
    "VIVA_LLM_BACKENDS": "fake",
    "VIVA_LLM_FAKE_FIRST_TOKEN_MS": str(FIRST_TOKEN_MS),
    "VIVA_LLM_FAKE_TOKENS_PER_S": str(TOKENS_PER_S),
    "VIVA_LLM_FAKE_TEXT": ANSWER,
    "VIVA_LLM_MAX_ACTIVE": "1000",
    "VIVA_TTS_ENGINE": "fake",
    "VIVA_TTS_FAKE_FIRST_BYTE_MS": str(TTS_MS),
    "VIVA_TTS_FAKE_SPEED": "0",
    "VIVA_TTS_CACHE_BYTES": "0",
    "VIVA_TTS_MAX_ACTIVE": "1000",
    "VIVA_MAX_ACTIVE_TURNS": "1000",
    "VIVA_LOG_LEVEL": "warning",
}


@dataclass(slots=True)
class Seen:
    """What the callers saw; times in milliseconds from the end of the upload."""

    first_audio_ms: list[float] = field(default_factory=list)
    receipts: list[dict] = field(default_factory=list)
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """One row: time to first audio in milliseconds, CPU of the orchestrator in milliseconds per turn."""

    turns_at_once: int
    finished: int
    failed: int
    p50: float
    p95: float
    p99: float
    orchestrator_cpu_ms: float
    orchestrator_busy: float
    other_core_busy: float


def critical_path_ms() -> float:
    """The sum of the set latencies up to the first audio, if everything between them took no time."""
    splitter, words = SentenceSplitter(), ANSWER.split(" ")
    count = next(n for n, word in enumerate(words, 1) if splitter.feed(word + " "))
    # The fake model's words carry the space before them: the one after the clause shows its end.
    return ASR_MS + FIRST_TOKEN_MS + count * 1000 / TOKENS_PER_S + TTS_MS


async def ask(
    session: aiohttp.ClientSession, url: str, question: bytes, lecture: str, fmt: str, seen: Seen
) -> None:
    """One turn, read to its end."""
    form = aiohttp.FormData({"lecture_id": lecture, "audio_format": fmt})
    form.add_field("audio", question, filename="q.wav", content_type="audio/wav")
    began, first = time.monotonic(), None
    last = b""
    async with session.post(f"{url}/invoke", data=form) as response:
        async for line in response.content:
            if first is None and line.startswith(b'{"seq":0,'):
                first = (time.monotonic() - began) * 1000
            last = line
    done = orjson.loads(last or b"{}")
    if done.get("type") != "done" or first is None or done["degraded"]:
        seen.failed += 1
        return
    seen.first_audio_ms.append(first)
    seen.receipts.append(done["receipt"])


async def keep_asking(url: str, question: bytes, lecture: str, at_once: int, seconds: float) -> Seen:
    """`at_once` callers who ask again and again for `seconds`."""
    seen = Seen()
    turn_s = critical_path_ms() / 1000 + len(ANSWER.split()) / TOKENS_PER_S
    give_up_at = time.monotonic() + seconds

    async def caller(session: aiohttp.ClientSession) -> None:
        await asyncio.sleep(random.uniform(0, turn_s) if at_once > 1 else 0)
        while time.monotonic() < give_up_at:
            await ask(session, url, question, lecture, "pcm", seen)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=2**22) as session, asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(caller(session))
    return seen


@contextmanager
def running_stack(environ: dict[str, str]) -> Iterator[tuple[Stack, str, Path]]:
    """The stack in a folder that is gone afterwards: itself, its URL and the folder."""
    with tempfile.TemporaryDirectory(prefix="viva-bench-") as name:
        place = Place(Path(name), free_ports(1)[0])
        kept = {key: value for key, value in os.environ.items() if not key.startswith("VIVA_")}
        with Stack(plan(place, kept | environ), place.logs) as stack:
            stack.start(READY_S)
            yield stack, place.url, place.folder


def upload(url: str, recording: Path) -> str:
    """The id of a lecture that is ready."""
    with VivaClient(url) as client:
        lecture = client.upload(recording)
        while (found := client.lecture(lecture.lecture_id)).status != "ready":
            if found.status == "failed":
                raise SystemExit(f"the lecture failed: {found.error}")
            time.sleep(0.2)
        return found.lecture_id


def spoken(text: str, folder: Path) -> bytes:
    """A question as a WAV file."""
    render(text, folder / "question.wav")
    return (folder / "question.wav").read_bytes()


def machinery(levels: list[int], seconds: float) -> list[Figures]:
    """The rows for so many turns at once."""
    with running_stack(FAKES) as (stack, url, folder):
        question = spoken("What were the contacts made of?", folder)
        lecture = upload(url, folder / "question.wav")
        orchestrator = psutil.Process(stack["orchestrator"].pid)
        share_cores(stack)
        rows = []
        for at_once in levels:
            asyncio.run(keep_asking(url, question, lecture, at_once, 3.0))  # warm
            before, cpu, began = busy_s(orchestrator), others_busy_s(stack), time.monotonic()
            seen = asyncio.run(keep_asking(url, question, lecture, at_once, seconds))
            wall, used = time.monotonic() - began, busy_s(orchestrator) - before
            rows.append(row(at_once, seen, used, wall, others_busy_s(stack) - cpu))
        return rows


def row(at_once: int, seen: Seen, used_s: float, wall_s: float, others_s: float) -> Figures:
    """The figures of one level."""
    finished = len(seen.first_audio_ms)
    cuts = statistics.quantiles(seen.first_audio_ms, n=100, method="inclusive")
    return Figures(
        turns_at_once=at_once,
        finished=finished,
        failed=seen.failed,
        p50=cuts[49],
        p95=cuts[94],
        p99=cuts[98],
        orchestrator_cpu_ms=used_s * 1000 / finished,
        orchestrator_busy=used_s / wall_s,
        other_core_busy=others_s / wall_s,
    )


def share_cores(stack: Stack) -> None:
    """The orchestrator alone on the first core; the stages and the callers on the others."""
    if not hasattr(os, "sched_setaffinity"):
        return
    first, *others = sorted(os.sched_getaffinity(0))
    for part in stack.parts:
        mine = {first} if part.part.name == "orchestrator" else set(others or [first])
        for process in (psutil.Process(part.pid), *psutil.Process(part.pid).children(recursive=True)):
            process.cpu_affinity(list(mine))
            for thread in process.threads():
                os.sched_setaffinity(thread.id, mine)
    os.sched_setaffinity(0, set(others or [first]))


def busy_s(process: psutil.Process) -> float:
    """CPU seconds of a process and of the children that it has waited for."""
    times = process.cpu_times()
    running = sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True))
    return sum(times[:4]) + running


def others_busy_s(stack: Stack) -> float:
    """CPU seconds of the stages, Redis and the callers."""
    stages = (psutil.Process(part.pid) for part in stack.parts if part.part.name != "orchestrator")
    return sum(map(busy_s, stages)) + sum(psutil.Process().cpu_times()[:2])


def embedded(count: int) -> tuple[Seen, list[str]]:
    """Spoken questions about the sample lecture, on the engines that a fresh machine has."""
    questions = next(lecture for lecture in load_all() if lecture.name == "transistor").answerable[:count]
    seen = Seen()
    environ = {
        "VIVA_ASR_ENGINE": "pocketsphinx",
        "VIVA_LLM_BACKENDS": "extractive",
        "VIVA_TTS_ENGINE": "flite",
    }
    with running_stack(environ) as (_, url, folder):
        recording = folder / "lecture.wav"
        render((Path(__file__).parents[1] / "samples" / "lecture.txt").read_text(), recording)
        lecture = upload(url, recording)
        asked = [spoken(question.ask, folder) for question in questions]

        async def one_after_another() -> None:
            async with aiohttp.ClientSession(read_bufsize=2**22) as session:
                for question in asked:
                    await ask(session, url, question, lecture, "mp3", seen)

        asyncio.run(one_after_another())
    return seen, [question.ask for question in questions]


def print_machinery(rows: list[Figures]) -> None:
    """The table of the machinery."""
    path = critical_path_ms()
    print(f"critical path {path:.0f} ms: asr {ASR_MS:.0f}, first token {FIRST_TOKEN_MS:.0f}, ", end="")
    print(
        f"first clause at {TOKENS_PER_S:.0f} tokens/s {path - ASR_MS - FIRST_TOKEN_MS - TTS_MS:.0f}, tts {TTS_MS:.0f}\n"
    )
    print(
        "| turns at once | finished | failed | over the critical path, p50 / p95 / p99 | orchestrator | busy cores |"
    )
    print("|---|---|---|---|---|---|")
    for r in rows:
        over = " / ".join(f"{value - path:.1f}" for value in (r.p50, r.p95, r.p99))
        busy = f"{r.orchestrator_busy:.2f} + {r.other_core_busy:.2f}"
        cpu = f"{r.orchestrator_cpu_ms:.1f} ms CPU a turn"
        print(f"| {r.turns_at_once} | {r.finished} | {r.failed} | {over} ms | {cpu} | {busy} |")


def print_embedded(seen: Seen) -> None:
    """The table of the embedded engines."""
    cuts = statistics.quantiles(seen.first_audio_ms, n=100, method="inclusive")
    print(f"{len(seen.first_audio_ms)} spoken questions, {seen.failed} failed; time to first audio: ", end="")
    print(f"p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, p99 {cuts[98]:.0f} ms; of which at p50")
    for name in ("asr_ms", "llm_first_token_ms", "first_sentence_ms", "tts_first_audio_ms", "first_audio_ms"):
        values = [receipt[name] for receipt in seen.receipts if receipt[name] is not None]
        print(f"  {name:<20} {statistics.median(values):7.1f}")


def main() -> None:
    """Runs one of the two and prints its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--machinery", action="store_true", help="fake engines of set latencies")
    parser.add_argument("--turns", type=int, nargs="+", default=[1, 100], help="turns at once")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each level is asked")
    parser.add_argument("--questions", type=int, default=20, help="questions to the embedded engines")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}\n")
    if options.machinery:
        rows = machinery(options.turns, options.seconds)
        print_machinery(rows)
        figures = {"critical_path_ms": critical_path_ms(), "rows": [asdict(r) for r in rows]}
    else:
        seen, asked = embedded(options.questions)
        print_embedded(seen)
        figures = {"asked": asked, **asdict(seen)}
    if options.json:
        options.json.write_text(json.dumps({"machine": asdict(machine), **figures}, indent=2))


if __name__ == "__main__":
    main()
