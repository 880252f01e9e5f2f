"""Each stage by itself at three times what it can carry: how soon the excess is refused, and what is left of the rest.

    python -m benchmarks.stage_overload [--seconds 8] [--times 3] [--json OUT.json]

The fake engines with set latencies and small limits, so that the capacity is that of the limit and not of this machine:
it is measured first, with as many callers as there is room for, one request each after the other. Then requests come at
random, at so many times that rate, whatever becomes of them. A refusal is a 503 with Retry-After.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.asking import running_stack, spoken
from benchmarks.machine import this_machine
from loadtest.distribution import percentile

ENVIRONMENT = {
    "VIVA_ASR_ENGINE": "fake",
    "VIVA_ASR_FAKE_LATENCY_MS": "200",
    "VIVA_ASR_WORKERS": "1",
    "VIVA_ASR_MAX_QUEUED_INTERACTIVE_S": "8",
    "VIVA_LLM_BACKENDS": "fake",
    "VIVA_LLM_FAKE_TOKENS_PER_S": "100",
    "VIVA_LLM_MAX_ACTIVE": "8",
    "VIVA_TTS_ENGINE": "fake",
    "VIVA_TTS_FAKE_FIRST_BYTE_MS": "200",
    "VIVA_TTS_FAKE_SPEED": "0",
    "VIVA_TTS_CACHE_BYTES": "0",
    "VIVA_TTS_MAX_ACTIVE": "8",
    "VIVA_LOG_LEVEL": "warning",
}
CALLERS = {"asr": 2, "llm": 8, "tts": 8}
"""As many as have room without waiting."""
Send = Callable[[], Awaitable["Answer"]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status, whether it said when to come back, and how long it took, in milliseconds."""

    status: int
    says_when: bool
    ms: float


@dataclass(slots=True)
class Seen:
    """The answers of one stretch of time, which lasts until the last of them."""

    answers: list[Answer] = field(default_factory=list)
    seconds: float = 1.0

    def p95(self, status: int) -> float:
        """Of those with this status, in milliseconds; 0 where there is none."""
        found = sorted(answer.ms for answer in self.answers if answer.status == status)
        return percentile(found, 0.95) if found else 0.0

    def count(self, status: int) -> int:
        """How many had this status."""
        return sum(answer.status == status for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Figures:
    """One row; rates in requests a second, times in milliseconds."""

    stage: str
    capacity: float
    asked: float
    answered: float
    refused: int
    failed: int
    without_retry_after: int
    alone_p95: float
    answered_p95: float
    refused_p95: float


def requests(session: aiohttp.ClientSession, urls: dict[str, str], recording: bytes) -> dict[str, Send]:
    """A request to each stage, as the orchestrator makes it."""

    async def send(url: str, **body: object) -> Answer:
        began = time.monotonic()
        async with session.post(url, **body) as response:
            await response.read()
            took = (time.monotonic() - began) * 1000
            return Answer(response.status, "Retry-After" in response.headers, took)

    def hear() -> Awaitable[Answer]:
        form = aiohttp.FormData({"model": "whisper-1"})
        form.add_field("file", recording, filename="q.wav", content_type="audio/wav")
        return send(f"{urls['asr']}/v1/audio/transcriptions", data=form, headers={"X-Viva-Priority": "interactive"})

    chat = {"model": "viva", "stream": True, "messages": [{"role": "user", "content": "What is it?"}]}
    speech = {"model": "tts-1", "input": "It is a short answer.", "voice": "alloy", "response_format": "pcm"}
    return {
        "asr": hear,
        "llm": lambda: send(f"{urls['llm']}/v1/chat/completions", json=chat),
        "tts": lambda: send(f"{urls['tts']}/v1/audio/speech", json=speech),
    }


async def closed(send: Send, callers: int, seconds: float) -> Seen:
    """So many callers, one request each after the other."""
    seen, began = Seen(), time.monotonic()

    async def call() -> None:
        while time.monotonic() < began + seconds:
            seen.answers.append(await send())

    await asyncio.gather(*(call() for _ in range(callers)))
    seen.seconds = time.monotonic() - began
    return seen


async def open_loop(send: Send, per_s: float, seconds: float) -> Seen:
    """Requests at random, whatever becomes of them."""
    seen, chance, began, at = Seen(), random.Random(1), time.monotonic(), 0.0

    async def call() -> None:
        seen.answers.append(await send())

    async with asyncio.TaskGroup() as group:
        while (at := at + chance.expovariate(per_s)) < seconds:
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            group.create_task(call())
    seen.seconds = time.monotonic() - began
    return seen


async def overloaded(stage: str, send: Send, seconds: float, times: float) -> Figures:
    """The row of one stage."""
    await closed(send, 1, 0.5)  # warm
    alone = await closed(send, 1, seconds / 2)
    full = await closed(send, CALLERS[stage], seconds / 2)
    capacity = full.count(200) / full.seconds
    seen = await open_loop(send, times * capacity, seconds)
    refused, answered = seen.count(503), seen.count(200)
    return Figures(
        stage=stage,
        capacity=capacity,
        asked=len(seen.answers) / seen.seconds,
        answered=answered / seen.seconds,
        refused=refused,
        failed=len(seen.answers) - refused - answered,
        without_retry_after=sum(answer.status == 503 and not answer.says_when for answer in seen.answers),
        alone_p95=alone.p95(200),
        answered_p95=seen.p95(200),
        refused_p95=seen.p95(503),
    )


async def measured(urls: dict[str, str], recording: bytes, seconds: float, times: float) -> list[Figures]:
    """The rows of all stages, one after the other."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        sends = requests(session, urls, recording)
        return [await overloaded(stage, send, seconds, times) for stage, send in sends.items()]


def print_figures(rows: list[Figures]) -> None:
    """The table."""
    print("| Stage | carries | asked | answered | p95 alone | p95 of the answered | refused | p95 of refusals |")
    print("|---" * 8 + "|")
    for r in rows:
        print(f"| {r.stage} | {r.capacity:.1f}/s | {r.asked:.1f}/s | {r.answered:.1f}/s ", end="")
        print(f"| {r.alone_p95:.0f} ms | {r.answered_p95:.0f} ms ", end="")
        print(f"| {r.refused}, {r.without_retry_after} without Retry-After | {r.refused_p95:.1f} ms |")
        if r.failed:
            print(f"{r.failed} requests to {r.stage} failed otherwise")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each stage is asked too much")
    parser.add_argument("--times", type=float, default=3.0, help="how many times its capacity")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}\n")
    with running_stack(ENVIRONMENT) as (stack, _, folder):
        urls = {name: stack[name].part.url for name in CALLERS}
        rows = asyncio.run(measured(urls, spoken("What is it made of?", folder), options.seconds, options.times))
    print_figures(rows)
    if options.json:
        options.json.write_text(json.dumps({"machine": asdict(machine), "rows": [asdict(r) for r in rows]}, indent=2))


if __name__ == "__main__":
    main()
