"""The settings of the asr service: VIVA_ASR_... variables, read once."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from viva.service.settings import ServiceSettings

EngineName = Literal["auto", "whisper", "moonshine", "pocketsphinx", "openai", "chat", "fake"]


class AsrSettings(ServiceSettings):
    """What the asr service can be told."""

    model_config = SettingsConfigDict(env_prefix="VIVA_ASR_", extra="ignore", populate_by_name=True, frozen=True)

    port: int = Field(8081, ge=1, le=65535, validation_alias="VIVA_PORT", description="Port to listen on")
    engine: EngineName = Field(
        "auto",
        description="`whisper`, `moonshine`, `pocketsphinx`, `openai`, `chat`, `fake`, or `auto`: the best one "
        "that can run here",
    )
    workers: int = Field(
        0,
        ge=0,
        le=256,
        description="Segments recognised at once; 0: one per core (pocketsphinx; moonshine: up to 4), or 4 (servers)",
    )
    max_segment_s: float = Field(
        20.0, ge=2, le=28, description="Longest stretch of speech in seconds; longer ones are divided at a pause"
    )

    max_upload_bytes: int = Field(2 * 1024**3, ge=1024, description="Largest upload in bytes")
    max_duration_s: float = Field(10_830.0, gt=0, description="Longest recording in seconds (3 h and a bit)")
    max_queued_s: float = Field(
        43_200.0, gt=0, description="Seconds of long recordings that may wait; beyond it new ones are told 503"
    )
    max_queued_interactive_s: float = Field(
        120.0, gt=0, description="Seconds of interactive audio that may wait; beyond it new ones are told 503"
    )
    interactive_below_s: float = Field(
        60.0, ge=0, description="Recordings shorter than this many seconds go first, unless the request says otherwise"
    )

    max_streams: int = Field(
        256, ge=1, description="Streams of people who speak right now, at once; more are told `overloaded`"
    )
    stream_idle_s: float = Field(60.0, gt=0, description="Seconds without a sound after which a stream is closed")
    max_turn_s: float = Field(60.0, ge=1, description="Longest turn of a stream in seconds; it is ended there")
    partials: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Words while they are spoken: `on`, `off`, or `auto`: with engines that are quick and cost "
        "nothing (moonshine, pocketsphinx, whisper on a GPU)",
    )

    whisper_model: Path | None = Field(
        None, description="Folder of a faster-whisper model; unset: the first one found in VIVA_MODELS_DIR"
    )
    whisper_device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`cpu`, `cuda`, or `auto`")
    whisper_compute_type: str = Field(
        "auto", description="CTranslate2 compute type; `auto`: int8 on the CPU, float16 on a GPU"
    )
    whisper_batch_size: int = Field(
        0, ge=0, le=128, description="Clips of up to 28 s recognised at once; 0: 4 on the CPU, 16 on a GPU"
    )
    whisper_beam_size: int = Field(0, ge=0, le=16, description="Beam width; 0: 1 on the CPU, 5 on a GPU")

    openai_url: str | None = Field(
        None, description="Base URL of an OpenAI-compatible transcription server, ending in /v1"
    )
    openai_model: str = Field("whisper-1", description="Model name that is sent to that server")
    openai_api_key: SecretStr | None = Field(None, description="API key for that server")
    chat_url: str | None = Field(
        None, description="Base URL of an OpenAI-compatible chat server whose model hears, ending in /v1"
    )
    chat_model: str = Field(
        "",
        description="Model, or alias of the llm stage, that is sent to that server; unset: none, so that its default "
        "answers (the llm stage's default alias, the model of a vLLM)",
    )
    chat_api_key: SecretStr | None = Field(None, description="API key for that server")
    chat_audio_part: Literal["input_audio", "audio_url"] = Field(
        "input_audio", description="How audio is put into the message: `input_audio`, or `audio_url` with a data URL"
    )
    upstream_timeout_s: float = Field(60.0, gt=0, description="Seconds that a server may take for one segment")

    fake_latency_ms: float = Field(0.0, ge=0, description="Milliseconds that the fake engine takes per segment")
    fake_text: str = Field("This is not a real transcript.", description="What the fake engine hears in every segment")

    def find_whisper_model(self) -> Path | None:
        """The folder of the Whisper model that is named or found, or None."""
        if self.whisper_model is not None:
            return self.whisper_model
        found = sorted(path.parent for path in self.models_dir.glob("whisper/*/model.bin"))
        return found[0] if found else None
