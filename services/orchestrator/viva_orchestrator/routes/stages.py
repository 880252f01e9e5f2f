"""The stages through the front door: transcription, speech and chat as OpenAI's, passed on as they come."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import IO

from aiohttp import ClientError, ClientResponse
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from viva.service.body import limited
from viva.service.disconnect import CLIENT_LEFT, ClientLeft, ClosingResponse, unless_client_leaves
from viva.service.upstream import Upstream
from viva_orchestrator.lectures.spool import disk_errors
from viva_orchestrator.stages import Stages

router = APIRouter(tags=["stages"])

# OpenAI's own limit for transcriptions; longer recordings are uploaded as lectures.
TRANSCRIPTION_BYTES = 25 * 1024 * 1024
SPEECH_BYTES = 64 * 1024
CHAT_BYTES = 8 * 1024 * 1024
# A body larger than this waits on the disk.
MEMORY_BYTES = 1024 * 1024
# A whole file is transcribed before the first byte comes.
TRANSCRIPTION_FIRST_BYTE_S = 600.0
# So is a whole answer written, when it is not streamed.
CHAT_FIRST_BYTE_S = 120.0

_REQUEST_HEADERS = ("content-type", "accept")
_RESPONSE_HEADERS = ("content-type", "x-viva-backend", "x-viva-degraded", "x-sample-rate")


@router.post("/v1/audio/transcriptions", summary="Speech to text, as OpenAI's", response_class=StreamingResponse)
@router.post("/stt", include_in_schema=False)
async def transcriptions(request: Request) -> Response:
    """Multipart: `file`, `model`, `language`, `prompt`, `response_format`, `timestamp_granularities[]`, `stream`."""
    body = limited(request, TRANSCRIPTION_BYTES, what="The recording")
    return await _pass_on(body, _stages(request).asr, "/v1/audio/transcriptions", TRANSCRIPTION_FIRST_BYTE_S)


@router.post("/v1/audio/speech", summary="Text to speech, as OpenAI's", response_class=StreamingResponse)
@router.post("/tts", include_in_schema=False)
async def speech(request: Request) -> Response:
    """JSON: `model`, `input`, `voice`, `response_format`, `speed`, `stream_format`."""
    body = limited(request, SPEECH_BYTES, what="The request")
    return await _pass_on(body, _stages(request).tts, "/v1/audio/speech", None)


@router.post("/v1/chat/completions", summary="Chat, as OpenAI's", response_class=StreamingResponse)
async def chat_completions(request: Request) -> Response:
    """JSON: `messages`, `stream`, `max_tokens` and what else the llm stage takes."""
    body = limited(request, CHAT_BYTES, what="The request")
    return await _pass_on(body, _stages(request).llm, "/v1/chat/completions", CHAT_FIRST_BYTE_S)


def _stages(request: Request) -> Stages:
    return request.app.state.stages


async def _pass_on(request: Request, upstream: Upstream, path: str, first_byte_s: float | None) -> Response:
    """Streams the body there and the response back. What fails before the first byte is an HTTP status."""
    headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
    async with AsyncExitStack() as held:
        body = await _spooled(request, held)
        opening = upstream.open("POST", path, data=body, headers=headers, first_byte_s=first_byte_s)
        try:
            response = await unless_client_leaves(request, held.enter_async_context(opening))
        except ClientLeft:
            return Response(status_code=CLIENT_LEFT)
        kept = {name: response.headers[name] for name in _RESPONSE_HEADERS if name in response.headers}
        return ClosingResponse(
            _chunks(upstream, response), held=held.pop_all(), status_code=response.status, headers=kept
        )


async def _chunks(upstream: Upstream, response: ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (ClientError, TimeoutError) as error:
        raise upstream.mapped(error) from error


async def _spooled(request: Request, held: AsyncExitStack) -> IO[bytes]:
    """The body as a file, on the disk where it is large, until `held` is closed."""
    with disk_errors():
        folder = request.app.state.settings.temp_dir
        file = held.enter_context(tempfile.SpooledTemporaryFile(MEMORY_BYTES, dir=folder))  # noqa: SIM115 - held
        async for chunk in request.stream():
            file.write(chunk)
    file.seek(0)
    return file
