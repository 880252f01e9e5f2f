"""The bodies of requests: read up to a limit, parsed once, checked by their models."""

from typing import Literal, TypeVar

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from viva.errors import InvalidRequest
from viva.service.body import limited

# 4,096 characters, each written as two \u escapes, and room for what clients add.
_MAX_BYTES = 128 * 1024
NEEDED_IN = "X-Viva-Needed-In-Ms"
_MOST_DIGITS = 9
_SPEED = "How fast, 0.25 to 4.0"
Model = TypeVar("Model", bound=BaseModel)


class SpeechRequest(BaseModel):
    """The body of OpenAI's speech call. What is not listed, such as `instructions`, is ignored."""

    model_config = ConfigDict(extra="ignore")

    input: str = Field(description="What to say, at most 4,096 characters; markdown is not read aloud")
    model: str = Field("tts-1", description="Any name: this service has one engine")
    voice: str = Field("alloy", description='A voice of `GET /v1/audio/voices` or of OpenAI, or `{"id": ...}`')
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = Field(
        "mp3", description="`pcm` is 24 kHz s16le mono; `opus` is in Ogg"
    )
    speed: float = Field(1.0, ge=0.25, le=4.0, description=_SPEED)
    stream_format: Literal["audio", "sse"] = Field("audio", description="Raw audio, or events with base64")

    @field_validator("voice", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return value.get("id") if isinstance(value, dict) else value


class SynthesizeRequest(BaseModel):
    """The body of `POST /synthesize`."""

    model_config = ConfigDict(extra="ignore")

    text: str = Field(description="What to say, at most 4,096 characters")
    voice: str = Field("", description="A voice of `GET /v1/audio/voices`; empty: the default")
    speed: float = Field(1.0, ge=0.25, le=4.0, description=_SPEED)
    format: Literal["pcm", "opus"] = Field("pcm", description="22.05 kHz s16le mono, or Opus in Ogg")


async def read(request: Request, model: type[Model]) -> Model:
    """The body as `model`; fields that are null count as left out. Raises InvalidRequest or RequestValidationError."""
    body = await limited(request, _MAX_BYTES, what="The request").body()
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body is not valid JSON.", code="invalid_json") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        return model.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from None


def needed_in_s(request: Request) -> float:
    """Seconds for which the listener has something else to hear; 0 when nobody says it. Raises InvalidRequest."""
    said = request.headers.get(NEEDED_IN, "0")
    if not said.isascii() or not said.isdigit() or len(said) > _MOST_DIGITS:
        raise InvalidRequest(f"{NEEDED_IN} is a whole number of milliseconds.", param=NEEDED_IN)
    return int(said) / 1000


def documented(model: type[BaseModel]) -> dict:
    """What we read ourselves, for the OpenAPI document: the body's schema, and the header."""
    schema = {"schema": model.model_json_schema()}
    header = {
        "name": NEEDED_IN,
        "in": "header",
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
        "description": "Milliseconds for which the listener has something else to hear: whoever waits for a voice is "
        "served in the order in which the audio is needed",
    }
    body = {"required": True, "content": {"application/json": schema}}
    return {"requestBody": body, "parameters": [header]}
