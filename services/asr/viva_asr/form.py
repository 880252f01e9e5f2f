"""The fields of a transcription request, checked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from viva.errors import InvalidRequest
from viva_asr.engine import Options
from viva_asr.languages import language_code

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt"]
Granularity = Literal["word", "segment"]


class TranscriptionForm(BaseModel):
    """What may come with the file; fields of OpenAI's that change nothing here are taken and ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str = Field("whisper-1", max_length=200, description="Any name; the engine that is loaded serves all")
    language: str | None = Field(None, max_length=40, description="ISO 639-1 code; found out when absent")
    prompt: str | None = Field(None, max_length=10_000, description="Words that are likely, or the text before")
    response_format: ResponseFormat = "json"
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    timestamp_granularities: tuple[Granularity, ...] = Field(
        (),
        description="Needs verbose_json, or a stream. The moonshine model gives no times of words: there they are "
        "estimated from the letters of their sentence",
    )
    stream: bool = Field(False, description="Server-sent events: deltas, segments, then the whole")

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str | None) -> str | None:
        if not value:
            return None
        code = language_code(value)
        if code is None:
            raise ValueError("no language by this name; use a code such as en, de or fr")
        return code

    @model_validator(mode="after")
    def _fits_together(self) -> "TranscriptionForm":
        if self.stream and self.response_format in ("srt", "vtt"):
            raise ValueError("stream=true gives events; it cannot be combined with response_format srt or vtt")
        if self.timestamp_granularities and self.response_format != "verbose_json" and not self.stream:
            raise ValueError("timestamp_granularities needs response_format=verbose_json")
        return self

    @property
    def options(self) -> Options:
        """What the engine is told."""
        words = "word" in self.timestamp_granularities
        return Options(self.language, self.prompt or None, self.temperature, words)


def parse_form(fields: list[tuple[str, str]]) -> TranscriptionForm:
    """Check the fields of a multipart form. Raises InvalidRequest, naming the field."""
    values: dict[str, object] = {}
    for key, value in fields:
        name = key.removesuffix("[]")
        if name == "timestamp_granularities":
            values[name] = (*values.get(name, ()), value)
        elif value != "":
            values[name] = value
    try:
        return TranscriptionForm.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = str(problem["loc"][0]) if problem["loc"] else None
        reason = problem["msg"].removeprefix("Value error, ")
        raise InvalidRequest(f"{field}: {reason}." if field else f"{reason}.", param=field) from error
