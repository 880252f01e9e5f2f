"""A model server with a real tokenizer and a real limit: it counts, refuses and answers as vLLM does."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from .long_lectures import all_words

HEARS_TOKENS_PER_S = 25


def trained_tokenizer() -> Tokenizer:
    """A byte-level BPE, trained on the lectures of the benchmarks in a tenth of a second."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=8000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([" ".join(all_words())], trainer)
    return tokenizer


@dataclass
class ModelServer:
    """What it has been told to do, and what it was asked."""

    tokenizer: Tokenizer
    url: str = ""
    limit: int = 16_384
    model: str = "meta-llama/Llama-3.1-8B-Instruct"
    listed: dict | None = None  # another answer of GET /v1/models
    tokenizes: bool = True
    hears: bool = True  # whether audio is taken
    audio_s: float = 0.0  # length of every recording
    fails: bool = False  # whether chats end in 500
    fails_to_warm: bool = False
    busy_hearing: bool = False  # whether prompts with a recording are told to come back later
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    may_count: asyncio.Event = field(default_factory=asyncio.Event)
    bodies: list[dict] = field(default_factory=list)  # questions that were answered
    warmings: list[tuple[dict, dict]] = field(default_factory=list)  # bodies and headers of what was to be read ahead
    refused: list[int] = field(default_factory=list)  # tokens of the prompts that were too long
    counts: int = 0  # requests to count

    def __post_init__(self) -> None:
        self.may_answer.set()
        self.may_count.set()

    @property
    def prompts(self) -> list[list[dict]]:
        """The messages of the questions that were answered."""
        return [body["messages"] for body in self.bodies]

    def tokens(self, messages: list[dict]) -> int:
        """With a chat template like Qwen's: four tokens and the role around each message, three to begin the answer."""
        total = 3
        for message in messages:
            parts = message["content"]
            parts = [{"type": "text", "text": parts}] if isinstance(parts, str) else parts
            total += 4 + len(self.tokenizer.encode(message["role"]).ids)
            for part in parts:
                heard = part["type"] == "audio_url"
                total += round(self.audio_s * HEARS_TOKENS_PER_S) if heard else self._count(part["text"])
        return total

    def _count(self, text: str) -> int:
        return len(self.tokenizer.encode(text).ids)

    async def list_models(self, _request: web.Request) -> web.Response:
        own = {"id": self.model, "object": "model", "max_model_len": self.limit, "owned_by": "vllm"}
        viva = {"id": "viva", "object": "model", "owned_by": "viva", "models": [self.model, "extractive"]}
        return web.json_response(self.listed or {"object": "list", "data": [viva | {"max_model_len": self.limit}, own]})

    async def tokenize(self, request: web.Request) -> web.Response:
        self.counts += 1
        await self.may_count.wait()
        if not self.tokenizes:
            error = {"code": "not_supported", "message": "No.", "request_id": "r"}
            return web.json_response({"error": error}, status=404)
        count = self.tokens((await request.json())["messages"])
        return web.json_response({"count": count, "max_model_len": self.limit, "tokens": [0] * count})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        if self.fails:
            return web.json_response({"error": {"message": "No."}}, status=500)
        body = await request.json()
        tokens = self.tokens(body["messages"])
        if tokens + body["max_tokens"] > self.limit:
            self.refused.append(tokens)
            return _too_long(self.limit, tokens, body["max_tokens"])
        recorded = any(not isinstance(message["content"], str) for message in body["messages"])
        if self.busy_hearing and recorded:
            return web.json_response({"error": {"message": "Later."}}, status=429)
        if not self.hears and recorded:
            error = {"code": "audio_not_supported", "message": "No.", "request_id": "r"}
            return web.json_response({"error": error}, status=400)
        if body["max_tokens"] == 1:
            self.warmings.append((body, dict(request.headers)))
            await self.may_answer.wait()
            if not body.get("stream"):
                return web.json_response({"choices": []}, status=500 if self.fails_to_warm else 200)
            return await _stream(request, "So", tokens)
        self.bodies.append(body)
        return await _stream(request, _answer(body["messages"]), tokens)


def _answer(messages: list[dict]) -> str:
    """Cites the passage that has the name that is asked for, if it is there to be read."""
    question = messages[-1]["content"].rpartition("\n")[2]
    name = re.findall(r"[A-Z][a-z]+", question)[-1]
    shown = "\n".join(message["content"] for message in messages if isinstance(message["content"], str))
    found = re.search(rf"^\[(\d+)\] .*\b{name}\b", shown, re.MULTILINE)
    return f"It is there [{found[1]}]." if found else "The lecture does not cover that."


async def _stream(request: web.Request, text: str, tokens: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    chunks = (
        {"choices": [{"delta": {"content": text}, "finish_reason": None}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": tokens, "completion_tokens": 5}},
    )
    for chunk in chunks:
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    return response


def _too_long(limit: int, tokens: int, wanted: int) -> web.Response:
    message = (
        f"This model's maximum context length is {limit} tokens. However, you requested {wanted} output tokens and "
        f"your prompt contains at least {tokens} input tokens, for a total of at least {tokens + wanted} tokens. "
        "Please reduce the length of the input prompt or the number of requested output tokens."
    )
    error = {"message": message, "type": "BadRequestError", "param": "input_tokens", "code": 400}
    return web.json_response({"error": error}, status=400)


@asynccontextmanager
async def model_server(tokenizer: Tokenizer) -> AsyncIterator[ModelServer]:
    """The server on a free port of loopback."""
    server = ModelServer(tokenizer)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/v1/models", server.list_models)
    app.router.add_post("/tokenize", server.tokenize)
    app.router.add_post("/v1/chat/completions", server.chat)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield server
    await runner.cleanup()
