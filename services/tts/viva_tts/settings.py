"""Settings of the tts service, from VIVA_TTS_... variables."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from viva.service.settings import ServiceSettings

MIB = 1024 * 1024
EngineName = Literal["auto", "piper", "flite", "gtts", "openai", "fake"]


class TTSSettings(ServiceSettings):
    """What the tts service can be told; times in seconds."""

    model_config = SettingsConfigDict(env_prefix="VIVA_TTS_", extra="ignore", populate_by_name=True, frozen=True)

    port: int = Field(8083, ge=1, le=65535, validation_alias="VIVA_PORT", description="Port to listen on")
    engine: EngineName = Field(
        "auto",
        description="`piper`, `flite`, `gtts`, `openai`, `fake`, or `auto`: piper if a voice is there, else the "
        "server of VIVA_TTS_OPENAI_URL if set, else flite",
    )
    voice: str = Field("", description="Voice for requests that name none of the engine's; empty: the engine's own")
    max_active: int = Field(
        64, ge=1, le=10_000, description="Requests under way at once; what exceeds them is told 503 at once"
    )
    workers: int = Field(
        0, ge=0, le=256, description="Sentences made at once, by threads or processes; 0: one per core"
    )
    sentence_timeout_s: float = Field(
        15.0,
        gt=0,
        description="Deadline of a sentence's first audio, and of each piece after it, with its wait for a "
        "thread or process, in seconds",
    )
    cache_bytes: int = Field(
        32 * MIB, ge=0, description="Memory for the audio of repeated sentences, in bytes; 0: none"
    )

    piper_voice: str = Field(
        "",
        description="Piper voice: the path of an .onnx file with its .onnx.json beside it, or a name in "
        "VIVA_MODELS_DIR; empty: every voice that is found there",
    )
    flite_path: str = Field("flite", min_length=1, description="The flite program")
    gtts_lang: str = Field("en", min_length=2, description="Language of Google's voice")
    gtts_tld: str = Field(
        "com", min_length=2, description="Google's domain, which decides the accent, such as com or co.uk"
    )
    openai_url: str = Field("", description="Base URL of an OpenAI-compatible speech server")
    openai_model: str = Field("tts-1", description="Model name that is sent to that server")
    openai_api_key: SecretStr | None = Field(None, description="API key for that server")
    openai_rate_hz: int = Field(
        24_000,
        ge=8_000,
        le=48_000,
        description="Samples per second of that server's `pcm`; OpenAI's own is 24000",
    )
    fake_first_byte_ms: float = Field(50.0, ge=0, description="Latency of the fake engine's first audio, in ms")
    fake_speed: float = Field(
        20.0, ge=0, description="Seconds of audio that the fake engine makes in a second; 0: all at once"
    )

    @field_validator("openai_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an address that begins with http:// or https://")
        return value.rstrip("/")
