"""Responses that begin with a first chunk in hand, and stop the work behind them however they end."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing

import orjson
import structlog
from fastapi import Request, Response

from viva.audio import CONTENT_TYPES
from viva.errors import VivaError
from viva.service.disconnect import CLIENT_LEFT, ClientLeft, ClosingResponse, unless_client_leaves
from viva.service.requests import current_request_id
from viva.sse import encode
from viva_tts.service import TTSService
from viva_tts.speech import Speech, Wanted


async def respond(
    request: Request,
    service: TTSService,
    wanted: Wanted,
    headers: Mapping[str, str] | None = None,
    *,
    sse: bool = False,
) -> Response:
    """The speech as audio or as events. Until the first chunk is there, an error is raised and becomes a status."""
    async with AsyncExitStack() as held:
        held.enter_context(service.admission.place())
        speech = service.speech(wanted)
        chunks = await held.enter_async_context(aclosing(speech.stream()))
        try:
            first = await unless_client_leaves(request, anext(chunks))
        except ClientLeft:
            return Response(status_code=CLIENT_LEFT)
        whole = _with_first(first, chunks)
        body = events(whole, speech) if sse else whole
        said = {
            "x-viva-engine": service.engine.name,
            "x-viva-voice": wanted.voice,
            **(headers or {}),
        }
        kind = "text/event-stream" if sse else CONTENT_TYPES[wanted.audio_format]
        return ClosingResponse(body, headers=said, media_type=kind, held=held.pop_all())


async def _with_first(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def events(chunks: AsyncGenerator[bytes], speech: Speech) -> AsyncGenerator[bytes]:
    """OpenAI's events: the audio in base64, then `done`; an `error` event instead of `done` when it breaks off."""
    try:
        async for chunk in chunks:
            delta = {"type": "speech.audio.delta", "audio": b64encode(chunk).decode()}
            yield encode(orjson.dumps(delta))
    except VivaError as error:
        _log_cut(error)
        yield encode(orjson.dumps({"type": "error", **error.body(current_request_id())}))
        return
    yield encode(orjson.dumps({"type": "speech.audio.done", "usage": usage(speech)}))


def usage(speech: Speech) -> dict[str, int]:
    """OpenAI's token counts, estimated: four characters of text, or 50 ms of speech, count as one."""
    read, spoken = -(-len(speech.wanted.text) // 4), round(speech.audio_s * 20)
    return {"input_tokens": read, "output_tokens": spoken, "total_tokens": read + spoken}


def _log_cut(error: VivaError) -> None:
    structlog.get_logger().warning("speech cut", code=error.code, reason=error.message)
