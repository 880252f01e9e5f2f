"""OpenAI's transcription endpoint, the list of models, and the status."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from viva.errors import InvalidRequest, VivaError
from viva.service.disconnect import CLIENT_LEFT, ClientLeft, ClosingResponse, unless_client_leaves
from viva.service.requests import current_request_id
from viva.service.tracing import current_span
from viva_asr.form import TranscriptionForm
from viva_asr.formats import EventWriter, render
from viva_asr.metrics import kind_of
from viva_asr.recogniser import Priority, Recogniser, Running
from viva_asr.transcript import Segment
from viva_asr.upload import uploaded

router = APIRouter()
# Called without the framework: see viva/service/direct.py.
transcriptions = APIRouter()


def _body_schema() -> dict[str, Any]:
    """Describe the multipart body, which the handler reads itself to bound its size."""
    schema = TranscriptionForm.model_json_schema()
    properties = schema["properties"]
    properties["timestamp_granularities[]"] = properties.pop("timestamp_granularities")
    properties["file"] = {
        "type": "string",
        "format": "binary",
        "description": "The recording: wav, mp3, m4a, ogg, opus, webm, flac, and what else FFmpeg reads",
    }
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": {**schema, "required": ["file"]}}},
        },
        "parameters": [
            {
                "name": "X-Viva-Priority",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "enum": ["interactive", "batch"]},
                "description": "By default short recordings are interactive",
            }
        ],
    }


@transcriptions.post(
    "/v1/audio/transcriptions",
    tags=["audio"],
    summary="Transcribe a recording, as OpenAI's endpoint does",
    response_class=Response,
    responses={
        400: {"description": "Not a recording, or a wrong field; `error.code` says which"},
        413: {"description": "Too many bytes or too long"},
        503: {"description": "Too much audio waits; Retry-After says for how long"},
    },
    openapi_extra=_body_schema(),
)
async def create_transcription(request: Request) -> Response:
    """Take a recording of any container and codec; answer with its transcript, whole or as events.

    Any model name is served by the engine that is loaded. Silence gives an empty text.
    """
    recogniser: Recogniser = request.app.state.recogniser
    priority = _priority(request.headers.get("x-viva-priority"))
    try:
        recogniser.require_room(priority)
        async with AsyncExitStack() as stack:
            upload = await stack.enter_async_context(uploaded(request, recogniser.settings.max_upload_bytes))
            started = time.monotonic()
            work = recogniser.transcribe(upload.recording, upload.form.options, priority)
            running: Running = await unless_client_leaves(request, stack.enter_async_context(work))
            current_span().set(audio_s=running.duration_s, kind=kind_of(running.interactive))
            if upload.form.stream:
                first = await unless_client_leaves(request, anext(running.segments, None))
                events = _events(recogniser, running, first, upload.form, started)
                return ClosingResponse(events, held=stack.pop_all(), media_type="text/event-stream")
            transcript = await unless_client_leaves(request, running.whole())
            _count_done(recogniser, running, started)
            return render(transcript, upload.form)
    except ClientLeft:
        recogniser.metrics.requests.labels("left").inc()
        return Response(status_code=CLIENT_LEFT)
    except VivaError as error:
        recogniser.metrics.requests.labels(_outcome(error)).inc()
        raise


async def _events(
    recogniser: Recogniser,
    running: Running,
    first: Segment | None,
    form: TranscriptionForm,
    started: float,
) -> AsyncIterator[bytes]:
    """Yield the events of a stream whose first segment has been waited for."""
    writer = EventWriter(form.options.words)
    outcome = "left"
    try:
        if first is not None:
            yield writer.segment(first)
            async for segment in running.segments:
                yield writer.segment(segment)
        _count_done(recogniser, running, started)
        outcome = None
        yield writer.done(running.duration_s)
    except VivaError as error:
        outcome = _outcome(error)
        structlog.get_logger().warning("transcription failed", code=error.code, reason=error.message)
        yield writer.error(error.body(current_request_id()))
    finally:
        if outcome is not None:
            recogniser.metrics.requests.labels(outcome).inc()


@router.get("/v1/models", tags=["status"], summary="The one model that is loaded")
async def list_models(request: Request) -> dict[str, Any]:
    """List it in OpenAI's form."""
    engine = request.app.state.recogniser.engine
    model = {"id": engine.model, "object": "model", "created": 0, "owned_by": f"viva:{engine.name}"}
    return {"object": "list", "data": [model]}


@router.get("/status", tags=["status"], summary="Engine, model, why they were taken, and the load")
async def status(request: Request) -> dict[str, Any]:
    """Say what runs here."""
    return request.app.state.recogniser.status()


def _priority(header: str | None) -> Priority | None:
    if header is None or header in ("interactive", "batch"):
        return header
    raise InvalidRequest("X-Viva-Priority is interactive or batch.", param="X-Viva-Priority")


def _outcome(error: VivaError) -> str:
    return "refused" if error.status < 500 or error.code == "overloaded" else "failed"


def _count_done(recogniser: Recogniser, running: Running, started: float) -> None:
    recogniser.metrics.requests.labels("ok").inc()
    recogniser.metrics.transcription.labels(kind_of(running.interactive)).observe(time.monotonic() - started)
