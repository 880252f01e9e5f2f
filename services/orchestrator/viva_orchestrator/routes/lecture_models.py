"""The JSON of the lecture routes, as OpenAPI shows it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from viva.passages import Segment
from viva_orchestrator.lectures import Lecture, Transcript

_ID = "lec_0192f3a4b5c60f1e2d3c4b5a69788796"

Seconds = Annotated[float, Field(ge=0)]


class SegmentBody(BaseModel):
    """A stretch of recognised speech; `start` and `end` are seconds of the recording."""

    start: Seconds
    end: Seconds
    text: str


class FailureBody(BaseModel):
    """Why a lecture could not be transcribed."""

    code: str
    message: str = Field(description="A sentence for people")


class LectureBody(BaseModel):
    """A lecture and how far its transcription is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "lecture_id": _ID,
                "title": "A history of the transistor",
                "status": "transcribing",
                "progress": 0.42,
                "duration_s": 312.5,
                "transcribed_s": 131.2,
                "created_at": 1760000000,
                "has_speech": True,
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "error": None,
            }
        }
    )

    lecture_id: str
    title: str | None
    status: Literal["queued", "transcribing", "ready", "failed"]
    progress: float = Field(ge=0, le=1, description="How much of the recording has its transcript")
    duration_s: Seconds = Field(description="Length of the recording")
    transcribed_s: Seconds = Field(description="Up to where the transcript has no gap")
    created_at: int = Field(description="Unix time")
    has_speech: bool | None = Field(
        description="Whether a word was heard in it; false only when `ready`, null while nothing was heard yet"
    )
    sha256: str | None = Field(description="Hash of the recording as it was uploaded")
    error: FailureBody | None = Field(description="Why it failed; null unless `failed`")


class LectureWithSegments(LectureBody):
    """A lecture with the transcript as far as it is there."""

    segments: list[SegmentBody] = Field(description="In order; complete once `ready`")


class LectureList(BaseModel):
    """A page of lectures, newest first."""

    object: Literal["list"] = "list"
    data: list[LectureBody]
    has_more: bool = Field(description="Whether `?after=` the last `lecture_id` gives more")


class UploadBody(BaseModel):
    """Where to PUT a recording, once. Afterwards: POST /v1/lectures with the `object_key`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object_key": f"uploads/{_ID}",
                "url": f"http://127.0.0.1:8080/v1/lectures/uploads/{_ID}?token=...",
                "method": "PUT",
                "headers": {},
                "expires_at": 1760003600,
            }
        }
    )

    object_key: str
    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str] = Field(description="Headers that the PUT must carry")
    expires_at: int = Field(description="Unix time at which the URL stops to work")


class UploadedRecording(BaseModel):
    """A recording that has been PUT to the URL of an upload."""

    object_key: str = Field(max_length=200, examples=[f"uploads/{_ID}"])
    title: str | None = Field(None, max_length=2000, examples=["A history of the transistor"])


def lecture_json(lecture: Lecture) -> dict:
    """A lecture as LectureBody describes it."""
    return {
        "lecture_id": lecture.lecture_id,
        "title": lecture.title,
        "status": lecture.status,
        "progress": round(lecture.progress, 4),
        "duration_s": round(lecture.duration_s, 3),
        "transcribed_s": round(lecture.transcribed_s, 3),
        "created_at": int(lecture.created_at),
        "has_speech": lecture.has_speech,
        "sha256": lecture.sha256,
        "error": _failure_json(lecture),
    }


def segments_json(segments: tuple[Segment, ...]) -> list[dict]:
    """Segments as SegmentBody describes them."""
    return [{"start": s.start, "end": s.end, "text": s.text} for s in segments]


def event_json(kind: str, lecture: Transcript, new_segments: tuple[Segment, ...]) -> dict:
    """One event of GET /v1/lectures/{id}/events."""
    done = lecture.transcribed_s / lecture.duration_s if lecture.duration_s else 0.0
    return {
        "type": kind,
        "lecture_id": lecture.lecture_id,
        "status": lecture.status,
        "progress": 1.0 if lecture.status == "ready" else round(min(1.0, done), 4),
        "duration_s": round(lecture.duration_s, 3),
        "transcribed_s": round(lecture.transcribed_s, 3),
        "has_speech": lecture.has_speech,
        "error": _failure_json(lecture),
        "segments": segments_json(new_segments),
    }


def _failure_json(lecture: Lecture | Transcript) -> dict | None:
    if lecture.status != "failed":
        return None
    return {"code": lecture.error_code or "transcription_failed", "message": lecture.error}
