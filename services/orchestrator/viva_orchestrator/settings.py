"""The orchestrator's settings, from VIVA_... variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, RedisDsn, SecretStr

from viva.service.settings import ServiceSettings
from viva_orchestrator.context.settings import ContextSettings
from viva_orchestrator.lectures.settings import LectureSettings
from viva_orchestrator.realtime.settings import RealtimeSettings


class Settings(ContextSettings, LectureSettings, RealtimeSettings, ServiceSettings):
    """Where the stages are, and the limits of turns and sessions."""

    asr_url: HttpUrl = Field(HttpUrl("http://127.0.0.1:8081"), description="Where the asr stage is")
    llm_url: HttpUrl = Field(HttpUrl("http://127.0.0.1:8082"), description="Where the llm stage is")
    tts_url: HttpUrl = Field(HttpUrl("http://127.0.0.1:8083"), description="Where the tts stage is")
    stage_api_key: SecretStr | None = Field(
        None, description="Bearer token sent to the stages; needed only when one is a hosted API"
    )
    asr_model: str = Field("whisper-1", description="Model name sent to the asr stage; Viva's own takes any")
    llm_model: str = Field("viva", description="Model name sent to the llm stage; Viva's own takes any")
    tts_model: str = Field("tts-1", description="Model name sent to the tts stage; Viva's own takes any")
    voice: str = Field("alloy", description="Voice of the answers unless a turn names one")
    audio_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = Field(
        "mp3", description="Format of the answers' audio unless a turn names one"
    )
    redis_url: RedisDsn = Field(RedisDsn("redis://127.0.0.1:6379/0"), description="Where sessions and jobs are kept")
    session_expiry_s: float = Field(
        7 * 24 * 3600.0, gt=0, description="Seconds after its last turn at which a session is forgotten"
    )
    history_turns: int = Field(
        10, ge=0, le=100, description="Earlier questions and answers of the session that the model is given"
    )
    max_active_turns: int = Field(
        128, ge=1, description="Turns that one replica answers at once; more get 503 with Retry-After"
    )
    wait_tolerance: float = Field(
        1.4,
        ge=0,
        description="More questions get 503 with Retry-After as soon as the first words of answers take so many times "
        "as long as when hardly anybody asks; 0: only VIVA_MAX_ACTIVE_TURNS counts",
    )
    turn_deadline_s: float = Field(60.0, gt=0, description="Seconds after which a turn ends, in an error if need be")
    question_max_s: float = Field(60.0, gt=0, description="Longest spoken question, in seconds")
    question_max_bytes: int = Field(25 * 1024**2, gt=0, description="Largest spoken question, in bytes")
    question_max_characters: int = Field(4000, gt=0, description="Longest typed question, in characters")
    answer_max_tokens: int = Field(400, ge=1, description="Longest answer, in tokens of the model")
    first_token_s: float = Field(20.0, gt=0, description="Seconds that the llm stage gets to its first token")
    asr_timeout_s: float = Field(30.0, gt=0, description="Seconds that the asr stage gets for a question")
    tts_timeout_s: float = Field(15.0, gt=0, description="Seconds that the tts stage gets for one sentence")
    trace_trust_callers: bool = Field(
        False,
        description="Whether a request becomes a part of the trace that it brings (`traceparent`), sampled if its "
        "caller says so: for callers that are all ours. Otherwise it has a trace of its own, with a link to the "
        "caller's",
    )
    web_dir: Path | None = Field(None, description="Folder of the page at `/`; unset: the one that comes with Viva")
