"""Lectures: upload, follow, read, listen, list, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from viva import sse
from viva.errors import NotFound, VivaError
from viva_orchestrator.lectures import Lectures, Transcript
from viva_orchestrator.routes import lecture_audio, lecture_upload
from viva_orchestrator.routes.lecture_models import (
    LectureList,
    LectureWithSegments,
    event_json,
    lecture_json,
    segments_json,
)

router = APIRouter(tags=["lectures"])
router.include_router(lecture_upload.router)
router.include_router(lecture_audio.router)

_NO_LECTURE: dict[int | str, dict[str, Any]] = {404: {"description": "No such lecture"}}
_EVENTS = (
    "Server-sent events: `progress` at once and whenever there is more, then `ready` or `failed`, or `deleted`, which "
    "ends the stream. Each carries `status`, `progress`, `duration_s`, `transcribed_s`, `has_speech`, `error` and the "
    "`segments` that are new since the event before. Any replica answers; a client that lost the connection connects "
    "again."
)


def _lectures(request: Request) -> Lectures:
    return request.app.state.lectures


@router.get("/v1/lectures", summary="List lectures, newest first", response_model=LectureList)
async def list_lectures(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=100, description="The last lecture_id of a page")] = None,
    sha256: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="Only lectures made of this recording")
    ] = None,
) -> Response:
    """A page of lectures."""
    page, has_more = await _lectures(request).page(limit, after, sha256)
    return _json({"object": "list", "data": [lecture_json(lecture) for lecture in page], "has_more": has_more})


@router.get(
    "/v1/lectures/{lecture_id}",
    summary="A lecture and its transcript as far as it is there",
    response_model=LectureWithSegments,
    responses=_NO_LECTURE,
)
async def get_lecture(request: Request, lecture_id: str) -> Response:
    """A lecture with its segments."""
    lecture, segments = await _lectures(request).read(lecture_id)
    return _json(lecture_json(lecture) | {"segments": segments_json(segments)})


@router.delete(
    "/v1/lectures/{lecture_id}",
    summary="Delete a lecture and everything derived from it",
    description="A transcription that runs is stopped. Deleting it again is no error.",
    status_code=204,
    responses=_NO_LECTURE,
)
async def delete_lecture(request: Request, lecture_id: str) -> None:
    """Delete a lecture."""
    await _lectures(request).delete(lecture_id)


@router.get(
    "/v1/lectures/{lecture_id}/events",
    summary="Follow a transcription",
    description=_EVENTS,
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "The events"},
        **_NO_LECTURE,
    },
)
async def follow_lecture(request: Request, lecture_id: str) -> StreamingResponse:
    """The progress of a transcription; an unknown lecture is a 404, since the first event is awaited here."""
    watched = _lectures(request).watch(lecture_id, request.app.state.stopping)
    first = await anext(watched)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(event_stream(first, watched), media_type="text/event-stream", headers=headers)


async def event_stream(first: Transcript, watched: AsyncIterator[Transcript]) -> AsyncIterator[bytes]:
    """The events of a transcription as bytes: `first`, then what is watched, and how it ended."""
    shown = 0
    async with aclosing(watched):
        try:
            transcript: Transcript | None = first
            while transcript is not None:
                kind = transcript.status if transcript.finished else "progress"
                yield _event(kind, event_json(kind, transcript, transcript.segments[shown:]))
                shown = len(transcript.segments)
                transcript = await anext(watched, None)
        except NotFound:
            yield _event("deleted", {"type": "deleted", "lecture_id": first.lecture_id})
        except VivaError as error:
            told = {"code": error.code, "message": error.message, "retryable": error.retryable}
            yield _event("error", {"type": "error", **told})


def _event(kind: str, body: dict) -> bytes:
    return sse.encode(orjson.dumps(body), kind)


def _json(body: dict) -> Response:
    # The body is built field by field above; validating thousands of segments again would only cost time.
    return Response(orjson.dumps(body), media_type="application/json")
