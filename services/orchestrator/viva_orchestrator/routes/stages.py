"""The stages through the front door: transcription, speech and chat as OpenAI's, passed on as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from viva.service.body import limited
from viva.service.upstream import Upstream
from viva_orchestrator.stages import Stages

router = APIRouter(tags=["stages"])

# OpenAI's own limit for transcriptions; longer recordings are uploaded as lectures.
TRANSCRIPTION_BYTES = 25 * 1024 * 1024
SPEECH_BYTES = 64 * 1024
CHAT_BYTES = 8 * 1024 * 1024
# A whole file is transcribed before the first byte comes.
TRANSCRIPTION_FIRST_BYTE_S = 600.0

_REQUEST_HEADERS = ("content-type", "accept")
_RESPONSE_HEADERS = ("content-type", "x-viva-backend", "x-viva-degraded", "x-sample-rate", "cache-control")


@router.post(
    "/v1/audio/transcriptions", summary="Speech to text, as OpenAI's", response_class=StreamingResponse
)
@router.post("/stt", include_in_schema=False)
async def transcriptions(request: Request) -> StreamingResponse:
    """Multipart: `file`, `model`, `language`, `prompt`, `response_format`, `timestamp_granularities[]`, `stream`."""
    body = limited(request, TRANSCRIPTION_BYTES, what="The recording")
    return await _pass_on(body, _stages(request).asr, "/v1/audio/transcriptions", TRANSCRIPTION_FIRST_BYTE_S)


@router.post("/v1/audio/speech", summary="Text to speech, as OpenAI's", response_class=StreamingResponse)
@router.post("/tts", include_in_schema=False)
async def speech(request: Request) -> StreamingResponse:
    """JSON: `model`, `input`, `voice`, `response_format`, `speed`, `stream_format`."""
    body = limited(request, SPEECH_BYTES, what="The request")
    return await _pass_on(body, _stages(request).tts, "/v1/audio/speech", None)


@router.post("/v1/chat/completions", summary="Chat, as OpenAI's", response_class=StreamingResponse)
async def chat_completions(request: Request) -> StreamingResponse:
    """JSON: `messages`, `stream`, `max_tokens` and what else the llm stage takes."""
    body = limited(request, CHAT_BYTES, what="The request")
    return await _pass_on(body, _stages(request).llm, "/v1/chat/completions", None)


def _stages(request: Request) -> Stages:
    return request.app.state.stages


async def _pass_on(
    request: Request, upstream: Upstream, path: str, first_byte_s: float | None
) -> StreamingResponse:
    """Streams the body there and the response back. What fails before the first byte is an HTTP status."""
    headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
    body = await request.body()
    stack = AsyncExitStack()
    response = await stack.enter_async_context(
        upstream.open("POST", path, data=body, headers=headers, first_byte_s=first_byte_s)
    )

    async def chunks() -> AsyncIterator[bytes]:
        async with stack:
            async for chunk in response.content.iter_any():
                yield chunk

    kept = {name: response.headers[name] for name in _RESPONSE_HEADERS if name in response.headers}
    return StreamingResponse(chunks(), response.status, kept)
