"""A stand-in for the asr stage: reads the wire format, remembers every piece, fails or waits as a test says."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI, Form, Header, UploadFile
from starlette.responses import JSONResponse, Response

WAV_HEADER_BYTES = 44


@dataclass
class RecogniserServer:
    """`heard` names the pieces as they come, by their samples; each is recognised as its own name, in two segments."""

    delay_s: float = 0.0
    failures: list[int] = field(default_factory=list)  # statuses of the next answers
    hears_nothing: bool = False
    heard: list[str] = field(default_factory=list)
    priorities: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Listen on a free port."""
        self.may_answer.set()
        app = FastAPI()
        app.post("/v1/audio/transcriptions")(self._transcribe)
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        self._running = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.001)

    async def stop(self) -> None:
        """Close the port."""
        self.may_answer.set()
        self._server.should_exit = True
        await self._running
        self._listener.close()

    async def _transcribe(
        self, file: UploadFile, response_format: str = Form(), x_viva_priority: str = Header("none")
    ) -> Response:
        wav = await file.read()
        name = piece_name(wav)
        self.heard.append(name)
        self.priorities.add(x_viva_priority)
        if self.failures:
            status = self.failures.pop(0)  # before the pause, in which another piece may come for the next
            await asyncio.sleep(self.delay_s)
            return JSONResponse(
                {"error": {"code": "x", "message": "The piece was refused.", "request_id": "r"}}, status
            )
        assert response_format == "verbose_json"
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.may_answer.wait()
            await asyncio.sleep(self.delay_s)
        finally:
            self.at_once -= 1
        if self.hears_nothing:
            return JSONResponse({"text": "", "segments": []})
        middle, end = (len(wav) - WAV_HEADER_BYTES) / 64000, (len(wav) - WAV_HEADER_BYTES) / 32000
        segments = [
            {"start": 0.0, "end": middle, "text": name},
            {"start": middle, "end": end, "text": "and on"},
        ]
        return JSONResponse({"text": f"{name} and on", "segments": segments})


def piece_name(wav: bytes) -> str:
    """What the stand-in hears in a WAV file."""
    return hashlib.sha256(wav[WAV_HEADER_BYTES:]).hexdigest()[:12]
