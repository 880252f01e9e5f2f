"""The settings of the Realtime WebSocket."""

from __future__ import annotations

from pydantic import BaseModel, Field


class RealtimeSettings(BaseModel):
    """Fields that the orchestrator's Settings inherits; each is set by VIVA_ and its name in capitals."""

    realtime_max_connections: int = Field(
        2000, ge=0, description="Realtime connections that one replica holds; more are refused with 503"
    )
    realtime_origins: str = Field(
        "",
        description="Origins of pages from elsewhere that may connect, separated by commas; `*` for any. Pages of the "
        "same host and programs always may",
    )
    realtime_outgoing_bytes: int = Field(
        8 * 1024**2,
        ge=1024,
        description="Bytes that may wait for a Realtime client to read them; a slower one is dropped",
    )
    realtime_slow_reader_s: float = Field(
        20.0, gt=0, description="Seconds for which a Realtime client may read nothing of what waits for it"
    )
    realtime_resume_s: float = Field(
        30.0,
        ge=0,
        description="Seconds for which an answer is finished for a client that vanished, which may come back for it",
    )
    realtime_max_items: int = Field(
        500, ge=2, description="Items that a Realtime conversation holds; the oldest go first"
    )
    realtime_max_characters: int = Field(
        400_000,
        ge=1000,
        description="Characters that a Realtime conversation holds; the oldest items go first",
    )
