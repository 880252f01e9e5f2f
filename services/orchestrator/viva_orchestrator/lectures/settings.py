"""The settings of lectures and of the object store."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field


class LectureSettings(BaseModel):
    """Fields that the orchestrator's Settings inherits; each is set by VIVA_ and its name in capitals."""

    object_store_url: str = Field(
        ".viva/data/objects",
        description="Where recordings and transcripts are kept: a folder, file:///folder or s3://bucket/prefix",
    )
    s3_endpoint: str | None = Field(
        None,
        description="URL of an S3-compatible server; unset for AWS. Credentials come from AWS_... or the pod's role",
    )
    temp_dir: Path | None = Field(
        None, description="Folder for recordings on their way in; unset for the system's temporary folder"
    )
    asr_model: str = Field("whisper-1", description="Model name sent to the asr stage; Viva's own takes any")
    lecture_max_s: float = Field(3 * 3600.0, gt=0, description="Longest lecture, in seconds")
    lecture_max_bytes: int = Field(
        4 * 1024**3, gt=0, description="Largest recording, in bytes; three hours of stereo WAV are 2 GB"
    )
    upload_expires_s: float = Field(
        3600.0,
        gt=0,
        le=7 * 24 * 3600,
        description="Seconds for which the URL of POST /v1/lectures/uploads is valid",
    )
    transcribe_workers: int = Field(
        2,
        ge=0,
        le=64,
        description="Lectures that one replica transcribes at once; 0 leaves them to other replicas",
    )
    transcribe_pieces_at_once: int = Field(
        2, ge=1, le=64, description="Pieces of one lecture that are sent to asr at once"
    )
    transcribe_piece_s: float = Field(
        50.0,
        ge=5,
        le=600,
        description="Longest piece sent to asr, in seconds; it is cut in the last pause before",
    )
    transcribe_piece_timeout_s: float = Field(
        300.0, gt=0, description="Seconds that asr gets for one piece before it is asked again"
    )
    transcribe_retry_s: float = Field(
        600.0,
        ge=0,
        description="Seconds for which a stage that is down is tried again before a lecture is failed",
    )
    transcribe_lease_s: float = Field(
        15.0,
        gt=0,
        description="Seconds without a sign of life after which another replica takes over a transcription",
    )
    transcript_cache_s: float = Field(
        30 * 24 * 3600.0, gt=0, description="Seconds for which Redis keeps a transcript nobody asks for"
    )
    transcripts_in_memory: int = Field(
        64, ge=0, description="Transcripts of finished lectures that each replica keeps in memory"
    )
