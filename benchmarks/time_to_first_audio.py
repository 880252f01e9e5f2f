"""From the end of a question's upload to the first audio of its answer.

    python -m benchmarks.time_to_first_audio [--questions 20] [--json OUT.json]           the embedded engines
    python -m benchmarks.time_to_first_audio --machinery [--typed] [--turns 1 100] [--seconds 30]    fake engines

The first asks the sample lecture short spoken questions, one after another, on the stack as `make run` starts it.

The second replaces every engine by a fake one whose latency is known, so that the critical path is known too: hear the
question, first token, the tokens of the first clause, its speech. What a turn takes longer than that is what all the
machinery costs, the stages' own included (reading the recording, detecting speech, HTTP). The stages are also asked
directly, one after another, in the same run: what a turn takes longer than the sum of these is what the orchestrator
costs. The orchestrator has one core to itself and the stages share the others with the callers. Callers begin at random
within one turn's time, then ask again as soon as they are answered.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
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
from viva.sse import SSEParser
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack
from viva.text import SentenceSplitter

READY_S = 120.0
ASR_MS, FIRST_TOKEN_MS, TTS_MS, TOKENS_PER_S = 200.0, 150.0, 80.0, 30.0
CLAUSE = "In the first transistor, the contacts were made of gold foil [1]. "
SENTENCE = (
    "They were wrapped around a wedge of plastic and pressed against a slab of germanium by a spring so that the two "
    "points touched it only a twentieth of a millimeter apart and a small current through one of them could control "
    "a larger one through the other. "
)
ANSWER = CLAUSE + SENTENCE * 3
FAKES = {
    "VIVA_ASR_ENGINE": "fake",
    "VIVA_ASR_FAKE_LATENCY_MS": str(ASR_MS),
    "VIVA_ASR_FAKE_TEXT": "what were the contacts made of",
    "VIVA_ASR_WORKERS": "64",
    "VIVA_ASR_MAX_QUEUED_INTERACTIVE_S": "100000",
    "VIVA_LLM_BACKENDS": "fake",
    "VIVA_LLM_FAKE_FIRST_TOKEN_MS": str(FIRST_TOKEN_MS),
    "VIVA_LLM_FAKE_TOKENS_PER_S": str(TOKENS_PER_S),
    "VIVA_LLM_FAKE_TEXT": ANSWER,
    "VIVA_LLM_MAX_ACTIVE": "1000",
    "VIVA_TTS_ENGINE": "fake",
    "VIVA_TTS_FAKE_FIRST_BYTE_MS": str(TTS_MS),
    "VIVA_TTS_FAKE_SPEED": "0",
    "VIVA_TTS_CACHE_BYTES": "0",
    "VIVA_TTS_WORKERS": "32",
    "VIVA_TTS_MAX_ACTIVE": "1000",
    "VIVA_MAX_ACTIVE_TURNS": "1000",
    "VIVA_LOG_LEVEL": "warning",
}


Question = bytes | str  # a recording, or the words


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
    busy: dict[str, float]  # cores that each part kept busy
    cpu_ms: dict[str, float]  # CPU of each part, per turn
    receipt_p50: dict[str, float]


def critical_path_ms(question: Question) -> float:
    """The sum of the set latencies up to the first audio, if everything between them took no time."""
    splitter, words = SentenceSplitter(), ANSWER.split(" ")
    count = next(n for n, word in enumerate(words, 1) if splitter.feed(word + " "))
    # The fake model's words carry the space before them: the one after the clause shows its end.
    heard = ASR_MS if isinstance(question, bytes) else 0.0
    return heard + FIRST_TOKEN_MS + count * 1000 / TOKENS_PER_S + TTS_MS


async def ask(
    session: aiohttp.ClientSession, url: str, question: Question, lecture: str, fmt: str, seen: Seen
) -> None:
    """One turn, spoken or typed, read to its end."""
    form = aiohttp.FormData({"lecture_id": lecture, "audio_format": fmt})
    if isinstance(question, str):
        form.add_field("question", question, content_type="text/plain")
    else:
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
        print(f"failed: {last[:300]!r}", file=sys.stderr)
        await asyncio.sleep(1)  # what fails at once must not fill the time
        return
    seen.first_audio_ms.append(first)
    seen.receipts.append(done["receipt"])


async def stages_alone(stack: Stack, question: Question) -> float:
    """The sum of what the stages take when asked directly, up to the first clause's audio: the median of ten, in ms."""
    urls = {name: stack[name].part.url for name in ("asr", "llm", "tts")}
    async with aiohttp.ClientSession(read_bufsize=2**22) as session:
        sums = [await _stages_once(session, urls, question) for _ in range(12)]
    return statistics.median(sums[2:])


async def _stages_once(session: aiohttp.ClientSession, urls: dict[str, str], question: Question) -> float:
    began = time.monotonic()
    heard = question
    if isinstance(question, bytes):
        form = aiohttp.FormData({"model": "whisper-1"})
        form.add_field("file", question, filename="q.wav", content_type="audio/wav")
        async with session.post(f"{urls['asr']}/v1/audio/transcriptions", data=form) as response:
            heard = (await response.json())["text"]
    splitter, parser, clauses = SentenceSplitter(), SSEParser(), []
    body = {"model": "viva", "stream": True, "messages": [{"role": "user", "content": heard}]}
    async with session.post(f"{urls['llm']}/v1/chat/completions", json=body) as response:
        async for chunk in response.content.iter_any():
            for event in parser.feed(chunk):
                delta = orjson.loads(event.data)["choices"][0]["delta"]
                clauses += splitter.feed(delta.get("content") or "")
            if clauses:
                break
    speech = {"model": "tts-1", "input": clauses[0], "voice": "alloy", "response_format": "pcm"}
    async with session.post(f"{urls['tts']}/v1/audio/speech", json=speech) as response:
        await response.read()
    return (time.monotonic() - began) * 1000


async def keep_asking(url: str, question: Question, lecture: str, at_once: int, seconds: float) -> Seen:
    """`at_once` callers who ask again and again for `seconds`."""
    seen = Seen()
    turn_s = critical_path_ms(question) / 1000 + len(ANSWER.split()) / TOKENS_PER_S
    give_up_at = time.monotonic() + seconds

    async def caller(session: aiohttp.ClientSession) -> None:
        await asyncio.sleep(random.uniform(0, turn_s) if at_once > 1 else 0)
        while time.monotonic() < give_up_at:
            await ask(session, url, question, lecture, "pcm", seen)

    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, read_bufsize=2**22) as session,
        asyncio.TaskGroup() as group,
    ):
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


def machinery(levels: list[int], seconds: float, *, typed: bool) -> tuple[float, float, list[Figures]]:
    """The sum of the set latencies, what the stages take alone, and the rows for so many turns at once."""
    with running_stack(FAKES) as (stack, url, folder):
        recording = spoken("What were the contacts made of?", folder)
        lecture = upload(url, folder / "question.wav")
        question = "What were the contacts made of?" if typed else recording
        share_cores(stack)
        alone, rows = asyncio.run(stages_alone(stack, question)), []
        for at_once in levels:
            asyncio.run(keep_asking(url, question, lecture, at_once, 3.0))  # warm
            before, began = cpu_s(stack), time.monotonic()
            seen = asyncio.run(keep_asking(url, question, lecture, at_once, seconds))
            wall = time.monotonic() - began
            used = {name: after - before[name] for name, after in cpu_s(stack).items()}
            rows.append(row(at_once, seen, used, wall))
        return critical_path_ms(question), alone, rows


def row(at_once: int, seen: Seen, used_s: dict[str, float], wall_s: float) -> Figures:
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
        busy={name: used / wall_s for name, used in used_s.items()},
        cpu_ms={name: used * 1000 / finished for name, used in used_s.items()},
        receipt_p50=receipt_p50(seen),
    )


def receipt_p50(seen: Seen) -> dict[str, float]:
    """The median of each figure of the receipts, in milliseconds."""
    names = (
        "asr_ms",
        "recall_ms",
        "llm_first_token_ms",
        "first_sentence_ms",
        "tts_first_audio_ms",
        "first_audio_ms",
    )
    first = seen.receipts[0]
    return {
        name: statistics.median(receipt[name] for receipt in seen.receipts)
        for name in names
        if first[name] is not None
    }


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


def cpu_s(stack: Stack) -> dict[str, float]:
    """CPU seconds so far of each part and its children, and of the callers."""
    used = {part.part.name: 0.0 for part in stack.parts}
    for part in stack.parts:
        process = psutil.Process(part.pid)
        used[part.part.name] = sum(process.cpu_times()[:4])  # children that have ended count here
        used[part.part.name] += sum(sum(child.cpu_times()[:4]) for child in process.children(recursive=True))
    return used | {"callers": sum(psutil.Process().cpu_times()[:2])}


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


def print_machinery(path: float, alone: float, rows: list[Figures]) -> None:
    """The table of the machinery."""
    print(f"set latencies up to the first audio: {path:.0f} ms")
    print(f"the stages asked directly, one after another: {alone:.1f} ms\n")
    head = (
        "turns at once",
        "finished",
        "failed",
        "over the stages, p50 / p95 / p99",
        "over the set latencies",
        "CPU a turn",
    )
    print(f"| {' | '.join(head)} | busy cores |")
    print("|---" * 7 + "|")
    for r in rows:
        over = [
            " / ".join(f"{v - base:.1f}" for v in (r.p50, r.p95, r.p99)) + " ms" for base in (alone, path)
        ]
        others = sum(share for name, share in r.busy.items() if name != "orchestrator")
        print(f"| {r.turns_at_once} | {r.finished} | {r.failed} | {over[0]} | {over[1]} ", end="")
        print(
            f"| {r.cpu_ms['orchestrator']:.1f} ms a turn, {r.busy['orchestrator']:.2f} busy | {others:.2f} busy |"
        )
    for r in rows:
        print(
            f"\nreceipt at {r.turns_at_once}, p50:",
            ", ".join(f"{k} {v:.0f}" for k, v in r.receipt_p50.items()),
        )
        print("CPU ms a turn:", ", ".join(f"{name} {ms:.1f}" for name, ms in r.cpu_ms.items()))


def print_embedded(seen: Seen) -> None:
    """The table of the embedded engines."""
    cuts = statistics.quantiles(seen.first_audio_ms, n=100, method="inclusive")
    print(f"{len(seen.first_audio_ms)} spoken questions, {seen.failed} failed; time to first audio: ", end="")
    print(f"p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, p99 {cuts[98]:.0f} ms; of which at p50")
    for name, value in receipt_p50(seen).items():
        print(f"  {name:<20} {value:7.1f}")


def main() -> None:
    """Runs one of the two and prints its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--machinery", action="store_true", help="fake engines of set latencies")
    parser.add_argument(
        "--typed", action="store_true", help="typed questions instead of spoken ones, with --machinery"
    )
    parser.add_argument("--turns", type=int, nargs="+", default=[1, 100], help="turns at once")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each level is asked")
    parser.add_argument("--questions", type=int, default=20, help="questions to the embedded engines")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}\n")
    if options.machinery:
        path, alone, rows = machinery(options.turns, options.seconds, typed=options.typed)
        print_machinery(path, alone, rows)
        figures = {"set_ms": path, "stages_ms": alone, "rows": [asdict(r) for r in rows]}
    else:
        seen, asked = embedded(options.questions)
        print_embedded(seen)
        figures = {"asked": asked, **asdict(seen)}
    if options.json:
        options.json.write_text(json.dumps({"machine": asdict(machine), **figures}, indent=2))


if __name__ == "__main__":
    main()
