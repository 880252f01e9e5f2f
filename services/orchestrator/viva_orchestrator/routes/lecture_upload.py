"""How recordings come in: as a form, or by a PUT to an upload URL and its key afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from viva.errors import InvalidRequest, UnsupportedMedia
from viva_orchestrator.lectures import Lecture, Lectures
from viva_orchestrator.lectures.form import LectureForm
from viva_orchestrator.lectures.spool import spooling, temporary_folder
from viva_orchestrator.lectures.uploads import limited, too_large
from viva_orchestrator.routes.lecture_models import LectureBody, UploadBody, UploadedRecording, lecture_json

router = APIRouter()

# What the boundaries and the other fields of a form may add to the recording, and the most that a JSON body has.
FORM_BYTES = 64 * 1024

MAX_KEY = 255

_FILE = {
    "type": "string",
    "format": "binary",
    "description": "wav, mp3, m4a, ogg, webm, flac, and what FFmpeg reads",
}
_TITLE = {"type": "string", "description": "Shown in lists; at most 200 characters"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _FILE, "title": _TITLE}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FORM},
            "application/json": {"schema": UploadedRecording.model_json_schema()},
        },
    },
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": MAX_KEY},
            "description": "The same recording again with the same key, within a day, is the same lecture. For forms; "
            "an `object_key` is one lecture anyway",
        }
    ],
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "`audio_empty`, `audio_truncated`, `audio_undecodable`, `audio_no_stream`, `invalid_form`"},
    404: {"description": "Nothing was uploaded under this `object_key`"},
    409: {"description": "`idempotency_key_reused`: another recording came under this Idempotency-Key"},
    413: {"description": "`audio_too_long` or `too_large`"},
    415: {"description": "`unsupported_media`: neither a form nor JSON"},
    503: {"description": "`redis_unavailable` or `object_store_unavailable`; try again"},
}


@router.post(
    "/v1/lectures",
    summary="Upload a lecture",
    description="Answers as soon as the recording is known to be one; it is transcribed afterwards. What cannot be "
    "read is refused with a code, and nothing of it is kept. Times of the lecture are in seconds.",
    status_code=202,
    response_model=LectureBody,
    responses=_REFUSALS,
    openapi_extra=_BODY,
)
async def upload_lecture(request: Request) -> Response:
    """A new lecture, from a form with a `file` or from an `object_key`."""
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        lecture = await _from_form(request, content_type)
    elif kind == "application/json":
        lecture = await _from_key(request)
    else:
        raise UnsupportedMedia("Send the recording as multipart/form-data in `file`, or JSON with an object_key.")
    headers = {"Location": f"/v1/lectures/{lecture.lecture_id}"}
    return Response(orjson.dumps(lecture_json(lecture)), 202, headers, "application/json")


@router.post(
    "/v1/lectures/uploads",
    summary="A URL to PUT a recording to",
    description="Straight to the bucket where the object store is one, to this service where it is a folder.",
    response_model=UploadBody,
)
async def create_upload(request: Request) -> Response:
    """Where to PUT a recording."""
    lectures: Lectures = request.app.state.lectures
    ticket = await lectures.uploads.ticket(str(request.url_for("create_upload")))
    body = {"object_key": ticket.object_key, "url": ticket.url, "method": "PUT", "headers": {}}
    return Response(orjson.dumps(body | {"expires_at": int(ticket.expires_at)}), media_type="application/json")


@router.put(
    "/v1/lectures/uploads/{name}",
    summary="PUT a recording to its upload URL",
    description="Only with the token of POST /v1/lectures/uploads, once, and before it expires.",
    response_class=Response,
    responses={
        404: {"description": "The URL is wrong, used or expired"},
        413: {"description": "`too_large`"},
    },
)
async def put_upload(request: Request, name: str, token: Annotated[str, Query(max_length=200)]) -> Response:
    """Take an upload that a bucket would have taken."""
    lectures: Lectures = request.app.state.lectures
    _refuse_declared(request, lectures.max_bytes)
    await lectures.uploads.receive(name, token, _body(request))
    return Response()


async def _from_form(request: Request, content_type: str) -> Lecture:
    lectures: Lectures = request.app.state.lectures
    _refuse_declared(request, lectures.max_bytes + FORM_BYTES)
    key = request.headers.get("idempotency-key")
    if key and len(key) > MAX_KEY:
        raise InvalidRequest(f"The Idempotency-Key may have {MAX_KEY} characters at most.", param="Idempotency-Key")
    async with temporary_folder(lectures.temp_dir) as folder:
        path = folder / "recording"
        title = await _save_form(request, content_type, path, lectures.max_bytes)
        if key:
            return await lectures.intake.add_once(path, key, title=title)
        return await lectures.intake.add(path, title=title)


async def _save_form(request: Request, content_type: str, path: Path, max_bytes: int) -> str | None:
    """Write the file of the form to `path` and return the title."""
    form = LectureForm(content_type)
    async with spooling(path) as file:
        async for chunk in limited(_body(request), max_bytes + FORM_BYTES):
            for block in form.feed(chunk):
                await file.write(block)
            if file.written > max_bytes:
                raise too_large(max_bytes)
        form.flush()
        if not form.has_file:
            raise InvalidRequest("The form has no `file`.", param="file")
        await file.close()
    return form.fields.get("title")


async def _from_key(request: Request) -> Lecture:
    lectures: Lectures = request.app.state.lectures
    body = b"".join([block async for block in limited(_body(request), FORM_BYTES)])
    try:
        asked = UploadedRecording.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if problem["type"] == "json_invalid":
            raise InvalidRequest("The body is not valid JSON.", code="invalid_json") from error
        where = ".".join(str(part) for part in problem["loc"])
        raise InvalidRequest(f"{where or 'The body'}: {problem['msg']}.", param=where or None) from error
    return await lectures.intake.add_uploaded(asked.object_key, title=asked.title)


def _refuse_declared(request: Request, max_bytes: int) -> None:
    """Refuse what says itself that it is too large, before the first byte of it."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large(max_bytes)


async def _body(request: Request) -> AsyncIterator[bytes]:
    """The body, block by block; a client that goes away in the middle is a request cut short."""
    try:
        async for block in request.stream():
            yield block
    except ClientDisconnect as error:
        raise InvalidRequest("The upload was cut short.") from error
