"""One server in place of all three stages, at the pace of stages.py: as much of the OpenAI API as the compared use.

python -m benchmarks.side_by_side.fake_stages PORT SENTENCES
"""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator

import orjson
import uvloop
from aiohttp import web

from benchmarks.side_by_side import stages
from viva.stack.ports import LOOPBACK

_BLOCK_S = 0.01
"""Speech is sent as often as this; what was made meanwhile goes in one piece."""
_MODELS = {
    "object": "list",
    "data": [{"id": "fake", "object": "model", "owned_by": "nobody", "max_model_len": 32768}],
}


class FakeStages:
    """The handlers of the stages' calls."""

    def __init__(self, pace: stages.Pace) -> None:
        self._pace = pace
        self._noise = random.Random(0).randbytes(2 * round(stages.RATE_HZ * (stages.spoken_s(pace.answer) + 1)))

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post("/v1/audio/transcriptions", self.transcribe),
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/audio/speech", self.speak),
            web.get("/v1/models", self.models),
        ]

    async def transcribe(self, request: web.Request) -> web.Response:
        """The same words for every recording."""
        await request.read()
        await asyncio.sleep(stages.ASR_S)
        return web.json_response({"text": stages.QUESTION})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """The answer, streamed or in one."""
        came, asked = asyncio.get_running_loop().time(), await request.json()
        words = self._pace.tokens[: asked.get("max_tokens") or asked.get("max_completion_tokens")]
        usage = {"prompt_tokens": 100, "completion_tokens": len(words), "total_tokens": 100 + len(words)}
        if not asked.get("stream"):
            await _until(came + stages.FIRST_TOKEN_S + (len(words) - 1) * self._pace.token_gap_s)
            message = {"role": "assistant", "content": "".join(words)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response(_completion("chat.completion", [choice], usage))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        async for chunk in self._chunks(words, came, usage if asked.get("stream_options") else None):
            await response.write(b"data: " + chunk + b"\n\n")
        return response

    async def _chunks(self, words: list[str], came: float, usage: dict | None) -> AsyncIterator[bytes]:
        for number, word in enumerate(words):
            await _until(came + stages.FIRST_TOKEN_S + number * self._pace.token_gap_s)
            yield _chunk([{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}])
        yield _chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if usage:
            yield _chunk([], usage)
        yield b"[DONE]"

    async def speak(self, request: web.Request) -> web.StreamResponse:
        """Noise for as long as the text takes to say."""
        came, asked = asyncio.get_running_loop().time(), await request.json()
        if asked.get("response_format") != "pcm":
            raise web.HTTPBadRequest(text=json.dumps({"error": {"message": "Only pcm is made here."}}))
        seconds, speed = stages.spoken_s(asked["input"]), self._pace.speech_speed
        speech = memoryview(self._noise)[: 2 * round(seconds * stages.RATE_HZ)]
        block = 2 * round(speed * _BLOCK_S * stages.RATE_HZ)
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        first = came + stages.FIRST_BYTE_S
        await _until(first)
        await response.prepare(request)
        for number, start in enumerate(range(0, len(speech), block)):
            await _until(first + number * _BLOCK_S)
            await response.write(speech[start : start + block])
        await _until(first + seconds / speed)
        return response

    async def models(self, _request: web.Request) -> web.Response:
        """The one there is."""
        return web.json_response(_MODELS)


async def _until(due: float) -> None:
    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


def _chunk(choices: list[dict], usage: dict | None = None) -> bytes:
    return orjson.dumps(_completion("chat.completion.chunk", choices, usage))


def _completion(kind: str, choices: list[dict], usage: dict | None) -> dict:
    return {
        "id": "chatcmpl-0",
        "object": kind,
        "created": 0,
        "model": "fake",
        "choices": choices,
        "usage": usage,
    }


async def serve(port: int, sentences: int) -> None:
    """Serves until it is killed."""
    app = web.Application(client_max_size=2**26)
    app.add_routes(FakeStages(stages.Pace(sentences)).routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
