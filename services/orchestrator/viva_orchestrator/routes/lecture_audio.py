"""GET and HEAD of the recording, whole or a slice, with byte ranges."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from viva.service.disconnect import ClosingResponse
from viva.service.errors import error_response
from viva_orchestrator.lectures import Lectures
from viva_orchestrator.lectures.ranges import RangeNotSatisfiable, parse_range
from viva_orchestrator.lectures.slices import AudioSlice

router = APIRouter(tags=["lectures"])

Start = Annotated[
    float | None, Query(ge=0, allow_inf_nan=False, description="Seconds from the beginning of the recording")
]
End = Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="Seconds; beyond the end means the end")]

_WAV = {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}


@router.get(
    "/v1/lectures/{lecture_id}/audio",
    summary="Listen to a stretch of the recording",
    description="16 kHz mono WAV of [start, end), playable by itself. Range requests work, also on the slice.",
    response_class=StreamingResponse,
    responses={
        200: {"content": _WAV, "description": "The slice"},
        206: {"content": _WAV, "description": "The bytes that `Range` asked for"},
        404: {"description": "No such lecture"},
        409: {"description": "`lecture_not_ready`: not decoded yet; or `lecture_failed`"},
        416: {"description": "`range_not_satisfiable`"},
    },
)
async def listen(request: Request, lecture_id: str, start: Start = None, end: End = None) -> Response:
    """A slice of the recording."""
    return await _respond(request, lecture_id, start, end)


@router.head("/v1/lectures/{lecture_id}/audio", include_in_schema=False)
async def measure(request: Request, lecture_id: str, start: Start = None, end: End = None) -> Response:
    """The same headers, without the audio."""
    return await _respond(request, lecture_id, start, end)


async def _respond(request: Request, lecture_id: str, start: float | None, end: float | None) -> Response:
    lectures: Lectures = request.app.state.lectures
    audio = await lectures.audio(lecture_id, start, end)
    # A recording never changes, but deleting it must show: browsers ask again whether it is still there.
    headers = {"Accept-Ranges": "bytes", "ETag": audio.etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == audio.etag:
        return Response(status_code=304, headers=headers)
    try:
        asked = parse_range(_range_header(request, audio), audio.size)
    except RangeNotSatisfiable as error:
        response = error_response(error)
        response.headers["Content-Range"] = f"bytes */{audio.size}"
        return response
    first, last = asked or (0, audio.size)
    if asked:
        headers["Content-Range"] = f"bytes {first}-{last - 1}/{audio.size}"
    headers["Content-Length"] = str(last - first)
    status = 206 if asked else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type="audio/wav")
    return ClosingResponse(
        audio.read(first, last), held=AsyncExitStack(), status_code=status, headers=headers, media_type="audio/wav"
    )


def _range_header(request: Request, audio: AudioSlice) -> str | None:
    """The Range header, unless it was meant for another version of the file or the method has no use for it."""
    if request.method != "GET" or request.headers.get("if-range", audio.etag) != audio.etag:
        return None
    return request.headers.get("range")
