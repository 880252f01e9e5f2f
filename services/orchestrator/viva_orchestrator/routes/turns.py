"""POST /invoke (JSON lines) and POST /chat (server-sent events): one turn, the same events on both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response, StreamingResponse

from viva import events, sse
from viva.errors import InvalidRequest, TooLarge, UnsupportedMedia
from viva.service.body import limited
from viva.service.disconnect import CLIENT_LEFT, ClientLeft, ClosingResponse, unless_client_leaves
from viva_orchestrator.idempotency import run_once
from viva_orchestrator.question import Question
from viva_orchestrator.settings import Settings
from viva_orchestrator.turns import Turns

router = APIRouter(tags=["turns"])

# Room for the other fields of a multipart body, and for a JSON one.
FIELDS_BYTES = 256 * 1024
MAX_KEY = 255


class TurnRequest(BaseModel):
    """One question. Spoken ones come as multipart with the file in `audio`, and these as form fields."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[
        str | None,
        Field(description="The question as text", examples=["Who made the first integrated circuit?"]),
    ] = None
    session_id: Annotated[
        str | None, Field(description="Whose history the question continues; without it a session is opened")
    ] = None
    lecture_id: Annotated[str | None, Field(description="The lecture; without it the session's")] = None
    voice: Annotated[str | None, Field(max_length=100, description="Voice of the answer")] = None
    audio_format: Annotated[
        Literal["mp3", "opus", "aac", "flac", "wav", "pcm", "none"] | None,
        Field(description="Format of the answer's audio; `none` for text alone"),
    ] = None


_FORM_SCHEMA = {
    "type": "object",
    "required": ["audio"],
    "properties": {
        "audio": {"type": "string", "format": "binary", "description": "The spoken question, in any format"},
        **{name: {"type": "string"} for name in ("session_id", "lecture_id", "voice", "audio_format")},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": TurnRequest.model_json_schema()},
            "multipart/form-data": {"schema": _FORM_SCHEMA},
        },
    },
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": MAX_KEY},
            "description": "The same request again with the same key, in the same session, is one turn with one answer",
        }
    ],
}
_EVENTS = "`transcript`, `answer.delta`…, `audio`…, then exactly one `done` or `error`; see docs/protocol.md."


@router.post(
    "/invoke",
    summary="Ask one question; the answer as JSON lines",
    description=f"One event a line: {_EVENTS}",
    openapi_extra=_BODY,
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "The turn's events"}},
)
async def invoke(request: Request) -> Response:
    """One turn as JSON lines."""
    return await _stream(request, "json_lines", "application/x-ndjson", lambda event: events.encode(event) + b"\n")


@router.post(
    "/chat",
    summary="Ask one question; the answer as server-sent events",
    description=f"Each event's name is its `type`: {_EVENTS}",
    openapi_extra=_BODY,
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "The turn's events"}},
)
async def chat(request: Request) -> Response:
    """One turn as server-sent events."""
    return await _stream(
        request, "sse", "text/event-stream", lambda event: sse.encode(events.encode(event), event.type)
    )


async def _stream(
    request: Request, transport: str, media_type: str, encode: Callable[[events.Event], bytes]
) -> Response:
    """Pulls the first event before the response starts, so that what fails until then is an HTTP status."""
    state = request.app.state
    turns: Turns = state.turns
    if "idempotency-key" not in request.headers:  # the answer to that may be there already
        turns.require_room(transport)  # before anything of the question is read
    question = await _question(request, state.settings)
    if key := request.headers.get("idempotency-key"):
        if question.session_id is None:
            raise InvalidRequest(
                "With an Idempotency-Key give session_id, too: keys belong to a session.", param="session_id"
            )
        turn = run_once(turns, state.idempotency, state.stages, question, _checked(key), transport=transport)
    else:
        turn = turns.run(question, transport=transport)
    async with AsyncExitStack() as held:
        held.push_async_callback(turn.aclose)
        try:
            first = await unless_client_leaves(request, anext(turn))
        except ClientLeft:
            return Response(status_code=CLIENT_LEFT)
        return ClosingResponse(_encoded(first, turn, encode), held=held.pop_all(), media_type=media_type)


async def _encoded(
    first: events.Event, rest: AsyncIterator[events.Event], encode: Callable[[events.Event], bytes]
) -> AsyncIterator[bytes]:
    yield encode(first)
    async for event in rest:
        yield encode(event)


def _checked(key: str) -> str:
    if len(key) > MAX_KEY:
        raise InvalidRequest(f"The Idempotency-Key may have {MAX_KEY} characters at most.", param="Idempotency-Key")
    return key


async def _question(request: Request, settings: Settings) -> Question:
    """The question in the body, typed or spoken. Raises InvalidRequest, TooLarge or UnsupportedMedia."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await limited(request, FIELDS_BYTES, what="The request").body()
        return _typed(_parsed(lambda: TurnRequest.model_validate_json(body)), settings)
    if kind == "multipart/form-data":
        whole = limited(request, settings.question_max_bytes + FIELDS_BYTES, what="The spoken question")
        async with whole.form(max_files=1, max_fields=10, max_part_size=FIELDS_BYTES) as form:
            return await _from_form(form, settings)
    raise UnsupportedMedia("Send the question as application/json, or as multipart/form-data with a file in `audio`.")


async def _from_form(form: FormData, settings: Settings) -> Question:
    upload = form.get("audio")
    fields = _parsed(lambda: TurnRequest(**{name: value for name, value in form.items() if name != "audio"}))
    if not isinstance(upload, UploadFile):
        return _typed(fields, settings)
    audio = await upload.read()
    if not audio:
        raise InvalidRequest("The file in `audio` is empty; record the question again.", code="audio_empty")
    if len(audio) > settings.question_max_bytes:
        raise TooLarge(f"The spoken question may have {settings.question_max_bytes:,} bytes at most.")
    return _build(fields, settings, text=None, audio=audio)


def _typed(fields: TurnRequest, settings: Settings) -> Question:
    text = (fields.question or "").strip()
    if not text:
        raise InvalidRequest("There is no question: give `question`, or a recording in `audio`.", param="question")
    if len(text) > settings.question_max_characters:
        raise TooLarge(f"The question may have {settings.question_max_characters:,} characters at most.")
    return _build(fields, settings, text=text, audio=None)


def _build(fields: TurnRequest, settings: Settings, *, text: str | None, audio: bytes | None) -> Question:
    audio_format = fields.audio_format or settings.audio_format
    return Question(
        text=text,
        audio=audio,
        session_id=fields.session_id,
        lecture_id=fields.lecture_id,
        voice=fields.voice or settings.voice,
        audio_format=None if audio_format == "none" else audio_format,
    )


def _parsed(parse: Callable[[], TurnRequest]) -> TurnRequest:
    try:
        return parse()
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if problem["type"] == "json_invalid":
            raise InvalidRequest("The body is not valid JSON.", code="invalid_json") from None
        where = ".".join(str(part) for part in problem["loc"]) or "body"
        raise InvalidRequest(f"{where}: {problem['msg']}.", param=where) from None
