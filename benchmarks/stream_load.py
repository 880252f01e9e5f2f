"""A steady load of streams: a set number at once, each asked for anew as soon as it has ended. Costs little itself."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from viva.stack.ports import LOOPBACK

# Each stream is about one of these; who asks about the same has the same 20 KB before the question, as in a real turn.
LECTURES = 20


@dataclass(slots=True)
class Seen:
    """What streams saw; times in milliseconds, without the time that the model server took."""

    first_ms: list[float] = field(default_factory=list)
    later: int = 0
    finished: int = 0
    errors: int = 0

    @property
    def events(self) -> int:
        """How many tokens came."""
        return len(self.first_ms) + self.later


class Stream(asyncio.Protocol):
    """One stream over one connection; parses only as much as it measures.

    A token's text is what paced_model.py makes it: `@<sent>@`, the first `@<sent>@<request came>@`.
    """

    def __init__(self, request: bytes, tokens: int, seen: Seen) -> None:
        self._request, self._missing, self._seen = request, tokens, seen
        self._is_answered, self._is_first, self._is_whole = False, True, False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Asks."""
        self._transport = transport
        self._asked = time.monotonic()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Counts tokens; the first is timed."""
        now = time.monotonic()
        seen = self._seen
        if not self._is_answered:
            self._is_answered = True
            if not data.startswith(b"HTTP/1.1 200"):
                self._transport.close()
                return
        tokens = data.count(b'"content":"@')
        self._missing -= tokens
        if tokens and self._is_first:
            self._is_first = False
            sent, came, _rest = data.partition(b'"content":"@')[2].split(b"@", 2)
            seen.first_ms.append((now - self._asked - (float(sent) - float(came))) * 1000)
            tokens -= 1
        seen.later += tokens
        if b"data: [DONE]" in data:
            self._is_whole = True
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """Says how it ended: whole, or not."""
        if self._is_whole and not self._missing:
            self._seen.finished += 1
        else:
            self._seen.errors += 1
        if not self.done.done():
            self.done.set_result(None)


def request_of(port: int, lecture: int, tokens: int, rate: int) -> bytes:
    """The bytes of one question about a lecture."""
    line = f"a sentence of lecture {lecture} " * 3
    text = f"Lecture {lecture}\n" + "\n".join(f"[{n}] 00:00-00:09 {line}" for n in range(1, 221))
    messages = [{"role": "system", "content": text}, {"role": "user", "content": "Why is that?"}]
    asked = {"model": "paced", "stream": True, "max_tokens": tokens, "seed": rate, "messages": messages}
    body = json.dumps(asked).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nContent-Type: application/json\r\n"
    # For vllm-router, which places by it; ours goes by the beginning of the prompt.
    head += f"X-Session-ID: lecture-{lecture}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Load:
    """Streams at once, tokens of each, tokens per second of each, and for how many seconds it is measured."""

    streams: int
    tokens: int
    rate: int
    seconds: float

    @property
    def ramp_s(self) -> float:
        """As long as a stream, so that they end evenly spread, and begin again so."""
        return self.tokens / self.rate


async def keep_up(ports: list[int], load: Load, measured: Callable[[], None]) -> Seen:
    """Keeps the load up. What was seen while it was measured; `measured` is called at the beginning of that."""
    seen, loop, chance = Seen(), asyncio.get_running_loop(), random.Random(1)
    requests = {
        port: [request_of(port, lecture, load.tokens, load.rate) for lecture in range(LECTURES)] for port in ports
    }

    def stream(port: int) -> Stream:
        return Stream(chance.choice(requests[port]), load.tokens, seen)

    async def one(number: int) -> None:
        await asyncio.sleep(load.ramp_s * number / load.streams)
        port = ports[number % len(ports)]
        while True:
            # Streams begun at even distances would send their tokens all at the same moments.
            await asyncio.sleep(chance.random() / load.rate)
            try:
                transport, asked = await loop.create_connection(lambda: stream(port), LOOPBACK, port)
                try:
                    await asked.done
                finally:
                    transport.abort()
            except OSError:
                seen.errors += 1
                await asyncio.sleep(0.1)

    asking = [asyncio.create_task(one(number)) for number in range(load.streams)]
    await asyncio.sleep(load.ramp_s)
    measured()
    early = seen.later, len(seen.first_ms), seen.finished
    await asyncio.sleep(load.seconds)
    result = Seen(seen.first_ms[early[1] :], seen.later - early[0], seen.finished - early[2], seen.errors)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    await asyncio.sleep(0)  # the connections close
    return result
