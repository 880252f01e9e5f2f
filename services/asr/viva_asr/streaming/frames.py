"""What is said on the stream besides audio, one JSON text frame each."""

from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from viva.errors import InvalidRequest
from viva_asr.languages import language_code


class _Frame(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TurnDetection(_Frame):
    """When a turn begins and ends, with the names and defaults of OpenAI's."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float = Field(0.5, ge=0, le=1)
    """A window of 32 ms at least this probable is speech."""
    prefix_padding_ms: int = Field(300, ge=0, le=5_000)
    """How much before the first of them belongs to the turn."""
    silence_duration_ms: int = Field(500, ge=0, le=30_000)
    """The silence that ends a turn; `semantic_vad` has its own."""
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    """Of `semantic_vad`: how soon a pause is taken for the end."""


class _Configured(_Frame):
    turn_detection: TurnDetection | None = None
    """None: turns are ended by `commit` alone."""
    language: str | None = Field(None, max_length=40)
    """ISO 639-1 code, or None: unknown."""

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str | None) -> str | None:
        code = language_code(value) if value else None
        if value and code is None:
            raise ValueError("no language by this name; use a code such as en, de or fr")
        return code


class Start(_Configured):
    """The first frame."""

    type: Literal["start"]
    rate_hz: Literal[16_000, 24_000]
    """Of the s16le mono samples in the binary frames that follow."""
    max_turn_s: float | None = Field(None, ge=1)
    """A turn that lasts longer is ended there; never more than the service allows."""
    speaking: bool = False
    """Whether the audio begins within a turn that another stream found: only its end is told."""


class Configure(_Configured):
    """Other settings from here on."""

    type: Literal["configure"]


class Commit(_Frame):
    """The utterance ends here, whoever decided it; the next audio belongs to the next one."""

    type: Literal["commit"]


class Clear(_Frame):
    """What was said so far is of no interest."""

    type: Literal["clear"]


Frame = Start | Configure | Commit | Clear

_FRAMES = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


def parse(text: str) -> Frame:
    """The frame in a text message. Raises InvalidRequest, naming the field."""
    try:
        return _FRAMES.validate_python(orjson.loads(text))
    except orjson.JSONDecodeError as error:
        raise InvalidRequest("A text frame is not valid JSON.", code="invalid_json") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"]) or None
        reason = problem["msg"].removeprefix("Value error, ").rstrip(".")
        raise InvalidRequest(f"{field or 'The frame'}: {reason}.", param=field) from error


def speech_started(start_ms: int, utterance: int) -> str:
    """A turn began; `start_ms` counts from the stream's first sample, padding included."""
    return _text(type="speech_started", start_ms=start_ms, utterance=utterance)


def speech_stopped(end_ms: int, utterance: int) -> str:
    """The turn is over: what was said lies before `end_ms`, silence included."""
    return _text(type="speech_stopped", end_ms=end_ms, utterance=utterance)


def silence(until_ms: int, utterance: int) -> str:
    """Nothing before `until_ms` will belong to a turn: the client need not keep it."""
    return _text(type="silence", until_ms=until_ms, utterance=utterance)


def partial(text: str, utterance: int) -> str:
    """All words so far that will not be taken back. `utterance`: how many commits and clears had been received."""
    return _text(type="partial", text=text, utterance=utterance)


def failed(code: str, message: str) -> str:
    """Something is wrong; when it cannot go on, the close follows."""
    return _text(type="error", code=code, message=message)


def _text(**fields: object) -> str:
    return orjson.dumps(fields).decode()
