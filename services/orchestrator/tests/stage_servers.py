"""asr, llm and tts in one small server that speaks their wire formats and fails on command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class StageServers:
    """What the stages do next, and what they were asked."""

    url: str = ""
    words: str = "who made the first circuit"  # what asr hears
    deltas: list[str] = field(default_factory=lambda: ["It was Jack", " Kilby [1", "]. He showed it ", "in 1958 [2]."])
    pace_s: float = 0.0  # seconds between deltas; without it they may arrive together
    finish: bool = True  # whether the llm's stream ends with its finish mark
    degraded: str | None = None  # the llm's header
    status: dict[str, int] = field(default_factory=dict)  # "asr", "llm", "tts" -> an HTTP status to fail with
    fail_times: dict[str, int] = field(default_factory=dict)  # stages that fail their next requests, so many
    pause: asyncio.Event = field(default_factory=asyncio.Event)  # the llm waits for it after its first delta
    paused: asyncio.Event = field(default_factory=asyncio.Event)  # set when it waits
    left: asyncio.Event = field(default_factory=asyncio.Event)  # set when its client went away meanwhile
    prompts: list[list[dict]] = field(default_factory=list)
    cache_keys: list[str] = field(default_factory=list)
    read_ahead: list[list[dict]] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    needed_in_ms: dict[str, int] = field(default_factory=dict)  # what tts was told of each of them
    ms_per_letter: int = 0  # how long tts speaks for a letter, white space left out, in s16le at 24 kHz; 0: no sound
    request_ids: set[str] = field(default_factory=set)
    heard: asyncio.Queue[dict] = field(default_factory=asyncio.Queue)  # what asr says to who streams audio to it
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)  # set when who streamed audio to it has left
    recordings: list[bytes] = field(default_factory=list)  # the bodies that asr was sent
    hold: asyncio.Event = field(default_factory=asyncio.Event)  # asr waits for it before it answers
    mute: asyncio.Event = field(default_factory=asyncio.Event)  # while it is set, tts takes its time for ever
    speech_rest: asyncio.Event = field(default_factory=asyncio.Event)  # tts waits for it in the middle of its audio
    breaks_off: int = 0  # speeches that are cut off in their middle, the next ones first
    cut_after: asyncio.Event | None = None  # a speech that is cut off waits for this
    speaking: asyncio.Event = field(default_factory=asyncio.Event)  # set when tts does
    unheard: asyncio.Event = field(default_factory=asyncio.Event)  # set when its client went away meanwhile

    def __post_init__(self) -> None:
        self.pause.set()
        self.hold.set()
        self.speech_rest.set()

    async def transcribe(self, request: web.Request) -> web.Response:
        if failure := self._failure("asr", request):
            return failure
        # Unparsed: aiohttp leaves its temporary file open when the client goes away.
        self.recordings.append(await request.read())
        await self.hold.wait()
        return web.json_response({"text": self.words})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Says what it is told to hear, whatever the audio."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)

        async def speak() -> None:
            while True:
                await socket.send_json(await self.heard.get())

        speaking = asyncio.create_task(speak())
        try:
            async for _ in socket:
                pass
        finally:
            speaking.cancel()
            self.hung_up.set()
        return socket

    async def chat(self, request: web.Request) -> web.StreamResponse:
        if failure := self._failure("llm", request):
            return failure
        body = await request.json()
        if body.get("max_tokens") == 1:
            self.read_ahead.append(body["messages"])
            return web.json_response({"choices": []})
        self.prompts.append(body["messages"])
        self.cache_keys.append(body.get("prompt_cache_key"))
        headers = {"Content-Type": "text/event-stream"} | ({"X-Viva-Degraded": self.degraded} if self.degraded else {})
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            for delta in self.deltas:
                await self._send(response, {"choices": [{"delta": {"content": delta}, "finish_reason": None}]})
                await asyncio.sleep(self.pace_s)
                if not self.pause.is_set():
                    self.paused.set()
                    await self.pause.wait()
            if self.finish:
                await self._send(response, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
                await self._send(response, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}})
                await response.write(b"data: [DONE]\n\n")
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return response

    async def speak(self, request: web.Request) -> web.StreamResponse:
        if failure := self._failure("tts", request):
            return failure
        text = (await request.json())["input"]
        if "unspeakable" in text:
            return web.json_response({"error": {"code": "text_unspeakable", "message": "No."}}, status=400)
        self.spoken.append(text)
        self.needed_in_ms[text] = int(request.headers.get("X-Viva-Needed-In-Ms", "-1"))
        if self.mute.is_set():
            self.speaking.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.unheard.set()
                raise
        audio = f"<{text}>".encode()
        if self.ms_per_letter:
            audio = bytes(48 * self.ms_per_letter * len("".join(text.split())))
        if self.breaks_off or not self.speech_rest.is_set():
            return await self._in_two(request, audio)
        return web.Response(body=audio)

    async def _in_two(self, request: web.Request, audio: bytes) -> web.StreamResponse:
        response, middle = web.StreamResponse(), len(audio) // 2
        await response.prepare(request)
        await response.write(audio[:middle])
        if self.breaks_off:
            self.breaks_off -= 1
            if self.cut_after is not None:
                await self.cut_after.wait()
            request.transport.abort()
            return response
        await self.speech_rest.wait()
        await response.write(audio[middle:])
        return response

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ready", "engine": "test"})

    def _failure(self, stage: str, request: web.Request) -> web.Response | None:
        self.request_ids.add(request.headers.get("X-Request-ID", ""))
        if self.fail_times.get(stage):
            self.fail_times[stage] -= 1
            return web.Response(status=500)
        return web.Response(status=self.status[stage]) if stage in self.status else None

    async def _send(self, response: web.StreamResponse, chunk: dict) -> None:
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


@asynccontextmanager
async def stage_servers() -> AsyncIterator[StageServers]:
    """The server on a free port of loopback."""
    servers = StageServers()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/audio/transcriptions", servers.transcribe)
    app.router.add_get("/v1/audio/stream", servers.stream)
    app.router.add_post("/v1/chat/completions", servers.chat)
    app.router.add_post("/v1/audio/speech", servers.speak)
    app.router.add_get("/readyz", servers.health)
    app.router.add_get("/status", servers.health)
    # handler_cancellation: the servers learn at once that their client left, as uvicorn's do.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    servers.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield servers
    await runner.cleanup()
