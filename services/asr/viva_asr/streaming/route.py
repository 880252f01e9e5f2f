"""The WebSocket itself: who is let in, how it ends, and what is logged of it."""

import asyncio
import contextlib
import re
import uuid

import structlog
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from viva.errors import InvalidRequest, Overloaded, VivaError
from viva_asr.streaming import frames
from viva_asr.streaming.stream import Stream
from viva_asr.streaming.streams import Streams

router = APIRouter()

_NORMAL, _WRONG, _TOO_LARGE, _TRY_LATER = 1000, 1008, 1009, 1013
_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")


@router.websocket("/v1/audio/stream")
async def listen(socket: WebSocket) -> None:
    """Listen to one person who speaks: turns and partial transcripts, no final one (docs/protocol.md).

    When the server stops, uvicorn closes with 1012, and the client goes on at another replica.
    """
    given = socket.headers.get("x-request-id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    streams: Streams = socket.app.state.recogniser.streams
    await socket.accept()
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            with streams.place():
                await _run(socket, streams)
        except Overloaded as error:
            streams.metrics.streams_ended.labels("refused").inc()
            await _refuse(socket, error, _TRY_LATER)


async def _run(socket: WebSocket, streams: Streams) -> None:
    outcome, stream = "failed", None
    try:
        stream = Stream(socket, streams, await _first_frame(socket, streams))
        await stream.run()
        outcome = "left"
    except WebSocketDisconnect:
        outcome = "left"
    except TimeoutError:
        outcome = "idle"
        await _close(socket, _NORMAL)
    except InvalidRequest as error:
        outcome = "wrong"
        await _refuse(socket, error, _TOO_LARGE if error.status == 413 else _WRONG)
    finally:
        streams.metrics.streams_ended.labels(outcome).inc()
        audio_s = round(stream.heard_s, 1) if stream else 0.0
        structlog.get_logger().info("stream", outcome=outcome, audio_s=audio_s)


async def _first_frame(socket: WebSocket, streams: Streams) -> frames.Start:
    async with asyncio.timeout(streams.settings.stream_idle_s):
        message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    frame = frames.parse(text) if text is not None else None
    if not isinstance(frame, frames.Start):
        raise InvalidRequest("The first frame is `start`.", param="type")
    return frame


async def _refuse(socket: WebSocket, error: VivaError, close_code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it may have left
        await socket.send_text(frames.failed(error.code, error.message))
    await _close(socket, close_code)


async def _close(socket: WebSocket, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(code)
