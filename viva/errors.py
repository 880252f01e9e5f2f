"""Every error that Viva raises on purpose, raised deep and rendered at the edge.

    VivaError                       500 internal_error
    ├── InvalidRequest              400 invalid_request
    │   ├── AudioRejected           400 audio_undecodable, audio_empty, audio_truncated, audio_no_stream
    │   ├── AudioTooLong            413 audio_too_long
    │   ├── TooLarge                413 too_large
    │   ├── UnsupportedMedia        415 unsupported_media
    │   ├── NotFound                404 not_found
    │   └── Conflict                409 conflict
    ├── RateLimited                 429 rate_limited          (retryable)
    ├── Overloaded                  503 overloaded            (retryable)
    ├── StageUnavailable            503 <stage>_unavailable   (retryable)
    ├── DeadlineExceeded            504 deadline_exceeded     (retryable)
    └── EngineUnavailable           an engine, model or setting that is not there: stops the start

The message is written for the person who reads it: what happened, what to do. It never carries another
exception's text.
"""

from typing import ClassVar


class VivaError(Exception):
    """An error with an HTTP status, a stable code, a message for people, and whether trying again may help."""

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.retry_after_s = retry_after_s

    def body(self, request_id: str | None = None) -> dict:
        """The JSON body, in the shape that OpenAI clients read."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "retryable": self.retryable,
                "request_id": request_id,
            }
        }


class InvalidRequest(VivaError):
    """The request is wrong; sending it again unchanged will not help."""

    status = 400
    default_code = "invalid_request"
    type = "invalid_request_error"


class AudioRejected(InvalidRequest):
    """The audio is empty, cut short, or not audio."""

    default_code = "audio_undecodable"


class AudioTooLong(InvalidRequest):
    """The audio lasts longer than the limit."""

    status = 413
    default_code = "audio_too_long"


class TooLarge(InvalidRequest):
    """More bytes, characters or items than the limit."""

    status = 413
    default_code = "too_large"


class UnsupportedMedia(InvalidRequest):
    """A content type that this call does not take."""

    status = 415
    default_code = "unsupported_media"


class NotFound(InvalidRequest):
    """No such session, lecture, voice or model."""

    status = 404
    default_code = "not_found"


class Conflict(InvalidRequest):
    """The request contradicts what is already there."""

    status = 409
    default_code = "conflict"


class RateLimited(VivaError):
    """This caller asks too often."""

    status = 429
    default_code = "rate_limited"
    type = "rate_limit_error"
    retryable = True


class Overloaded(VivaError):
    """The service is at its capacity; the excess is told so at once."""

    status = 503
    default_code = "overloaded"
    retryable = True

    def __init__(self, message: str, *, code: str | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(message, code=code, retry_after_s=retry_after_s)


class StageUnavailable(VivaError):
    """A stage (asr, llm, tts) or a store (redis, object_store) cannot be reached or failed."""

    status = 503
    retryable = True

    def __init__(
        self, stage: str, message: str, *, code: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, code=code or f"{stage}_unavailable", retry_after_s=retry_after_s)
        self.stage = stage


class DeadlineExceeded(VivaError):
    """A stage did not answer in its time."""

    status = 504
    default_code = "deadline_exceeded"
    retryable = True


class EngineUnavailable(VivaError):
    """An engine, its model or its dependency is not there. Raised at start, which it stops with its message."""

    default_code = "engine_unavailable"
