"""What the drivers share: what they print about what their client saw, and the audio that they send.

A driver is run with the Python of its client's environment: `python DRIVER.py SCENARIO OPTIONS`, OPTIONS being JSON.
It prints a fact a line, as JSON, and may wait for a line on stdin before it goes on.
"""

import array
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

RATE_HZ = 24_000
CHUNK_BYTES = RATE_HZ // 10 * 2  # 100 ms
PLAYED_S = 1.5  # of an answer before it is interrupted; clients reckon by the clock how much was heard
PATIENCE_S = 120.0  # with a busy machine; no test is about speed


def say(fact: str, **details: object) -> None:
    """Prints a fact."""
    print(json.dumps({"fact": fact, **details}), flush=True)


def sound(pcm: bytes) -> dict[str, float]:
    """How much audio that is and how loud: seconds, and the loudest sample of 32,767."""
    samples = array.array("h", pcm)
    return {"seconds": len(samples) / RATE_HZ, "peak": max(map(abs, samples), default=0)}


def chunks(path: str, *, silence_s: float = 0.0) -> list[bytes]:
    """A recording (s16le, 24 kHz) in pieces of 100 ms as a microphone gives them, then silence."""
    pcm = Path(path).read_bytes() + bytes(2 * round(silence_s * RATE_HZ))
    return [pcm[at : at + CHUNK_BYTES] for at in range(0, len(pcm), CHUNK_BYTES)]


async def microphone(path: str, *, silence_s: float = 0.0) -> AsyncIterator[bytes]:
    """The same, some times faster than it was spoken."""
    for chunk in chunks(path, silence_s=silence_s):
        yield chunk
        await asyncio.sleep(0.02)


async def told_to_go_on() -> None:
    """Returns when the test has written a line."""
    await asyncio.to_thread(sys.stdin.readline)


def main(scenarios: dict[str, Callable[..., Coroutine[object, object, None]]]) -> None:
    """Runs the scenario that the command line names."""
    name, options = sys.argv[1], json.loads(sys.argv[2])

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await scenarios[name](**options)

    asyncio.run(run())
    say("end")
