"""What the machinery costs: time to first audio over the latencies of fake engines.

    python -m benchmarks.machinery [--typed | --opus] [--turns 1 100] [--seconds 30] [--json OUT.json]

Every engine is a fake one whose latency is known, so that the critical path is known too: hear the question, first
token, the tokens of the first clause, its speech. What a turn takes longer is what all the machinery costs, the stages'
own included (reading the recording, detecting speech, HTTP). The stages are also asked directly, one after another, in
the same run: what a turn takes longer than their sum is what the orchestrator costs. The orchestrator has one core
to itself and the stages share the others with the callers, whose CPU is printed beside theirs. Callers begin at random
within one turn's time, then ask again as soon as they are answered.

A spoken question is a WAV of 16 kHz mono, in which nothing has to be decoded; with --opus it is an Ogg with Opus, which
a child process has to decode, as it has what browsers record.
"""

import argparse
import asyncio
import gc
import io
import json
import os
import random
import statistics
import time
import wave
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
import orjson
import psutil

from benchmarks.asking import Question, Seen, ask, receipt_p50, running_stack, spoken, upload
from benchmarks.machine import this_machine
from viva.audio import Encoder
from viva.sse import SSEParser
from viva.stack.stack import Stack
from viva.text import SentenceSplitter

QUESTION = "What were the contacts made of?"
ASR_MS, FIRST_TOKEN_MS, TTS_MS, TOKENS_PER_S = 200.0, 150.0, 80.0, 30.0
CLAUSE = "In the first transistor, the contacts were made of gold foil [1]. "
# Short words: a word is a token of the fake model, and a token is four letters.
SENTENCE = (
    "A thin slip of foil was cut at its tip and set on a bit of it with a coil so that the two ends lay side by side "
    "on top and a weak flow in at one end of it was able to rule a far more big one out of the end of its twin. "
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
    "VIVA_WAIT_TOLERANCE": "0",  # nobody is refused: what more turns cost is to be seen
    "VIVA_LOG_LEVEL": "warning",
}


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


def as_opus(recording: bytes) -> bytes:
    """The WAV as Ogg with Opus."""
    with wave.open(io.BytesIO(recording)) as wav:
        encoder = Encoder("opus", wav.getframerate())
        return encoder.feed(wav.readframes(wav.getnframes())) + encoder.flush()


def machinery(levels: list[int], seconds: float, *, kind: str) -> tuple[float, float, list[Figures]]:
    """The sum of the set latencies, what the stages take alone, and the rows for so many turns at once."""
    with running_stack(FAKES) as (stack, url, folder):
        recording = spoken(QUESTION, folder)
        lecture = upload(url, folder / "question.wav")
        question = {"typed": QUESTION, "wav": recording, "opus": as_opus(recording)}[kind]
        share_cores(stack)
        gc.freeze()  # the callers' collector would look through every library, and hold up what they measure
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
        over = [" / ".join(f"{v - base:.1f}" for v in (r.p50, r.p95, r.p99)) + " ms" for base in (alone, path)]
        others = sum(share for name, share in r.busy.items() if name != "orchestrator")
        print(f"| {r.turns_at_once} | {r.finished} | {r.failed} | {over[0]} | {over[1]} ", end="")
        print(f"| {r.cpu_ms['orchestrator']:.1f} ms a turn, {r.busy['orchestrator']:.2f} busy | {others:.2f} busy |")
    for r in rows:
        print(
            f"\nreceipt at {r.turns_at_once}, p50:",
            ", ".join(f"{k} {v:.0f}" for k, v in r.receipt_p50.items()),
        )
        print("CPU ms a turn:", ", ".join(f"{name} {ms:.1f}" for name, ms in r.cpu_ms.items()))


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_mutually_exclusive_group()
    for kind, text in (("typed", "typed questions instead of spoken ones"), ("opus", "Opus instead of WAV")):
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, default="wav", help=text)
    parser.add_argument("--turns", type=int, nargs="+", default=[1, 100], help="turns at once")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each level is asked")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}\n")
    path, alone, rows = machinery(options.turns, options.seconds, kind=options.kind)
    print_machinery(path, alone, rows)
    if options.json:
        figures = {"set_ms": path, "stages_ms": alone, "rows": [asdict(r) for r in rows]}
        options.json.write_text(json.dumps({"machine": asdict(machine), **figures}, indent=2))


if __name__ == "__main__":
    main()
