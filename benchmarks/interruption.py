"""How long after an interruption the stages stop: until the model's and the voice's servers see their client leave.

    python -m benchmarks.interruption [--times 30] [--json OUT.json]

The whole stack, over one model server and one speech server that belong to this process and never come to an end: the
model writes on and on, the voice's second clause takes for ever. An answer is interrupted in the middle of both, by a
`response.cancel`, and by somebody who begins to speak, whom the asr stage hears. The time is from the moment when the
cancel is sent, or when `input_audio_buffer.speech_started` is here, to the moment when each server notices that the
connection on which it was asked is gone, through the llm and the tts service; and to `response.done`.
"""

import argparse
import asyncio
import base64
import json
import statistics
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp
import orjson
from aiohttp import web

from benchmarks.asking import running_stack, spoken, upload
from benchmarks.machine import this_machine
from viva.audio import Encoder
from viva.stack.ports import LOOPBACK, free_ports

AIM_MS = 200
QUESTION = "What were the contacts made of?"
FIRST = "In the first transistor, the contacts were made of gold foil [1]. "
WORD_EVERY_S = 0.02
PATIENCE_S = 30.0
BLOCK_S = 0.1
ENGINES = {
    "VIVA_ASR_ENGINE": "fake",
    "VIVA_TTS_ENGINE": "openai",
    "VIVA_TTS_CACHE_BYTES": "0",
    "VIVA_LOG_LEVEL": "warning",
}


@dataclass(slots=True)
class Servers:
    """A model and a voice; when each was left is in `left`, by stage, in seconds of the monotonic clock."""

    left: dict[str, float] = field(default_factory=dict)
    speaking: threading.Event = field(default_factory=threading.Event)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """A clause at once, then words for ever."""
        if (await request.json()).get("max_tokens") == 1:
            return web.json_response({"choices": []})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            text = FIRST + "A thin slip of foil was cut at its tip and set on it. "
            while True:
                chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
                await response.write(b"data: " + orjson.dumps(chunk) + b"\n\n")
                await asyncio.sleep(WORD_EVERY_S)
                text = "word "
        except (asyncio.CancelledError, ConnectionError):
            self.left["llm"] = time.monotonic()
            raise

    async def speak(self, request: web.Request) -> web.StreamResponse:
        """The first clause at once; the second never."""
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        if (await request.json())["input"] in FIRST:
            await response.prepare(request)
            await response.write(bytes(24_000))
            return response
        self.speaking.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.left["tts"] = time.monotonic()
            raise
        return response

    async def models(self, _request: web.Request) -> web.Response:
        """One."""
        return web.json_response({"data": [{"id": "endless"}]})

    def forget(self) -> None:
        """The next answer begins."""
        self.left.clear()
        self.speaking.clear()


@contextmanager
def serving(servers: Servers) -> Iterator[str]:
    """The servers' base URL. They have a thread to themselves: whoever starts the stack waits for it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", servers.chat)
    app.router.add_post("/v1/audio/speech", servers.speak)
    app.router.add_get("/v1/models", servers.models)
    # handler_cancellation: they learn at once that a client left.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    port = free_ports(1)[0]

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port).start()

    asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"http://{LOOPBACK}:{port}/v1"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


class Conversation:
    """One connection whose answers are interrupted."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, servers: Servers, speech: bytes) -> None:
        self._socket = socket
        self._servers = servers
        self._speech = speech

    async def interrupted(self, by: str) -> dict[str, float]:
        """Milliseconds from the interruption to what it ends, by stage; `client` is response.done."""
        self._servers.forget()
        content = [{"type": "input_text", "text": QUESTION}]
        await self._send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self._send("response.create")
        await self._until("response.output_audio.delta")
        await asyncio.to_thread(self._servers.speaking.wait, PATIENCE_S)
        if by == "response.cancel":
            began = time.monotonic()
            await self._send("response.cancel")
        else:
            await self._talk()
            await self._until("input_audio_buffer.speech_started")
            began = time.monotonic()
        await self._until("response.done")
        done = time.monotonic()
        while len(self._servers.left) < 2:  # noqa: ASYNC110 - the times are taken elsewhere, exactly
            await asyncio.sleep(0.005)
        await self._send("input_audio_buffer.clear")
        await self._until("input_audio_buffer.cleared")
        ends = self._servers.left | {"client": done}
        return {stage: (end - began) * 1000 for stage, end in ends.items()}

    async def _talk(self) -> None:
        """A pause and a sentence, faster than it can be said."""
        block = round(2 * 24_000 * BLOCK_S)
        audio = bytes(24_000) + self._speech
        for start in range(0, len(audio), block):
            data = base64.b64encode(audio[start : start + block]).decode()
            await self._send("input_audio_buffer.append", audio=data)

    async def _send(self, kind: str, **fields: object) -> None:
        await self._socket.send_str(orjson.dumps({"type": kind, **fields}).decode())

    async def _until(self, kind: str) -> None:
        while (event := orjson.loads((await self._socket.receive(PATIENCE_S)).data))["type"] != kind:
            if event["type"] == "error":
                raise SystemExit(event["error"]["message"])


async def measure(url: str, lecture: str, servers: Servers, speech: bytes, times: int) -> dict[str, dict]:
    """Each way of interrupting, so many times: the times of each stage, sorted."""
    address = f"{url.replace('http', 'ws', 1)}/v1/realtime?lecture_id={lecture}"
    figures: dict[str, dict] = {}
    async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
        conversation = Conversation(socket, servers, speech)
        for by in ("response.cancel", "speech_started"):
            await conversation.interrupted(by)  # warm
            rounds = [await conversation.interrupted(by) for _ in range(times)]
            figures[by] = {stage: sorted(each[stage] for each in rounds) for stage in ("llm", "tts", "client")}
    return figures


def speech_24k(recording: Path) -> bytes:
    """A WAV of 16 kHz as clients send speech."""
    with wave.open(str(recording)) as file:
        pcm = file.readframes(file.getnframes())
    encoder = Encoder("pcm", 16_000, 24_000)
    return encoder.feed(pcm) + encoder.flush()


def print_figures(figures: dict[str, dict[str, list[float]]], times: int) -> None:
    """The table."""
    print(f"{times} interruptions each; the aim is {AIM_MS} ms\n")
    print("| Interrupted by | noticed by | p50 | p95 | longest |")
    print("|---" * 5 + "|")
    names = {"llm": "the model's server", "tts": "the voice's server", "client": "the client (`response.done`)"}
    for by, stages in figures.items():
        for stage, values in stages.items():
            p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
            middle = statistics.median(values)
            print(f"| `{by}` | {names[stage]} | {middle:.1f} ms | {p95:.1f} ms | {values[-1]:.1f} ms |")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=30, help="interruptions of each kind")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}\n")
    servers = Servers()
    with serving(servers) as base:
        environ = ENGINES | {"VIVA_LLM_BACKENDS": f"openai:{base}|endless", "VIVA_TTS_OPENAI_URL": base}
        with running_stack(environ) as (_, url, folder):
            spoken(QUESTION, folder)
            lecture = upload(url, folder / "question.wav")
            speech = speech_24k(folder / "question.wav")
            figures = asyncio.run(measure(url, lecture, servers, speech, options.times))
    print_figures(figures, options.times)
    if options.json:
        options.json.write_text(json.dumps({"machine": asdict(machine), "ms": figures}, indent=2))


if __name__ == "__main__":
    main()
