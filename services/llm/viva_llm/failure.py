"""Why a backend gave no answer: one exception, a bounded set of reasons, and what each means for the client.

Everything that can go wrong in a backend is mapped to a `Failure` once, where it happens; nothing above
looks at another library's errors.
"""

from enum import StrEnum

from viva.errors import DeadlineExceeded, InvalidRequest, NotFound, RateLimited, StageUnavailable, VivaError


class Reason(StrEnum):
    """Bounded, because it is a metric label."""

    CONNECT = "connect"  # no connection, or it was lost before the answer began
    TIMEOUT = "timeout"  # nothing came in time
    SERVER_ERROR = "server_error"  # HTTP 5xx, or an error event
    RATE_LIMITED = "rate_limited"  # HTTP 429
    REFUSED = "refused"  # HTTP 401, 403, 404...: the address, key or model in our settings is wrong
    CONTEXT_TOO_LONG = "context_too_long"  # another backend may have a longer context
    CANNOT_HEAR = "cannot_hear"  # the request has audio, the backend reads only text
    CLIENT_FAULT = "client_fault"  # HTTP 400, 413 or 422; or it lacks a parameter or a role that another backend has
    BAD_STREAM = "bad_stream"  # not a stream of chat chunks, or it ended without its finish mark
    EMPTY = "empty"  # the stream ended, but nothing was said
    NO_REPLICA = "no_replica"  # the backend has none at the moment
    NOT_SUPPORTED = "not_supported"  # the server has no such endpoint
    BROKEN = "broken"  # a defect of ours


class Failure(Exception):
    """A backend failed; `said` is a sentence of ours about it, fit for logs, /status and clients."""

    def __init__(self, reason: Reason, said: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(said)
        self.reason = reason
        self.said = said
        self.retry_after_s = retry_after_s


def as_error(failures: list[Failure]) -> VivaError:
    """The error for the client after every route failed, in order; the list is not empty.

    What the client can mend goes before what the operator must mend: an error that says "shorten it" is of
    more use than "try again".
    """
    failures = [failure for failure in failures if failure.reason is not Reason.NOT_SUPPORTED]
    if not failures:
        return NotFound("No model server behind this name has this endpoint.", code="not_supported")
    for failure in failures:
        if failure.reason is Reason.CLIENT_FAULT:
            return InvalidRequest("The model server refused the request as invalid.", code="model_refused_request")
        if failure.reason is Reason.CONTEXT_TOO_LONG:
            message = "The messages are longer than the context of every model that could answer."
            return InvalidRequest(message, code="context_length_exceeded", param="messages")
    if all(failure.reason is Reason.CANNOT_HEAR for failure in failures):
        message = "No model here understands audio; send the question as text."
        return InvalidRequest(message, code="audio_not_supported", param="messages")
    last = failures[-1]
    if all(failure.reason is Reason.RATE_LIMITED for failure in failures):
        return RateLimited("Every model server asks to wait.", retry_after_s=last.retry_after_s or 1.0)
    if all(failure.reason is Reason.TIMEOUT for failure in failures):
        return DeadlineExceeded("No model began to answer in its time; try again.")
    return StageUnavailable("llm", "No model could answer; try again in a moment.", retry_after_s=1.0)


def as_cut_error(failure: Failure) -> VivaError:
    """The error for a client that has already seen a part of the answer."""
    if failure.reason is Reason.TIMEOUT:
        return DeadlineExceeded("The model stopped in the middle of its answer; the answer is incomplete.")
    return StageUnavailable("llm", "The model failed in the middle of its answer; the answer is incomplete.")
