"""The settings of what the model is given."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

PRESIGNED = "presigned"
PLACEHOLDER = "{lecture_id}"


class ContextSettings(BaseModel):
    """Fields that the orchestrator's Settings inherits; each is set by VIVA_ and its name in capitals."""

    context_tokens: int | None = Field(
        None,
        ge=1024,
        description="Context of the model in tokens; unset: what its server says, and 16384 where that says nothing",
    )
    context_passages_tokens: int = Field(
        4096,
        ge=256,
        description="Where the lecture is longer than the context: most tokens of the passages picked for a question",
    )
    context_count_s: float = Field(
        0.3,
        ge=0,
        le=10,
        description="Seconds that a turn waits for the model server to count a lecture's tokens, once for each lecture",
    )
    context_warm: bool = Field(
        True, description="Whether opening a session has the model server read the lecture before the first question"
    )
    context_audio_url: str = Field(
        "",
        description="Address at which a model that hears finds a recording, with `{lecture_id}` in it, or `presigned` "
        "for one in the bucket; empty: models read and never hear",
    )
    context_audio_tokens_per_s: str = Field(
        "qwen2.5-omni=25,qwen2-audio=25,qwen3-omni=13,voxtral=12.5",
        description="Models that hear, by a part of their name, and their tokens for each second of audio",
    )

    @field_validator("context_audio_url")
    @classmethod
    def _is_ours(cls, value: str) -> str:
        if value in ("", PRESIGNED):
            return value
        parts = urlsplit(value)
        one_in_its_path = value.count(PLACEHOLDER) == 1 and PLACEHOLDER not in parts.netloc
        if parts.scheme not in ("http", "https", "file") or not one_in_its_path:
            raise ValueError(f"`presigned`, or an address like 'http://viva:8080/v1/lectures/{PLACEHOLDER}/audio'")
        return value

    @field_validator("context_audio_tokens_per_s")
    @classmethod
    def _are_families(cls, value: str) -> str:
        families(value)
        return value


def families(text: str) -> tuple[tuple[str, float], ...]:
    """Parts of model names in lower case with tokens per second. Raises ValueError with a sentence."""
    found = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, rate = entry.partition("=")
        try:
            tokens_per_s = float(rate)
        except ValueError:
            tokens_per_s = 0.0
        if not name.strip() or not 0 < tokens_per_s < 1000:
            raise ValueError(f"pairs like 'qwen2.5-omni=25', which {entry!r} is not")
        found.append((name.strip().lower(), tokens_per_s))
    return tuple(found)
