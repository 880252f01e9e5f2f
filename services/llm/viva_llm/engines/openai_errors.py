"""What the errors of OpenAI-compatible servers mean: the one place that reads their bodies."""

import re

import orjson

from viva_llm.failure import Failure, Reason

_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "input_tokens"})
# vLLM has no code of its own for this (its "code" is 400), and older releases no param either, so that the
# wording is all there is. Wordings of vLLM 0.9 and 0.16, llama-cpp-python and llama.cpp.
_CONTEXT_WORDS = re.compile(
    r"maximum (?:context|model|input) length|context (?:length|window|size)|max_model_len"
    r"|max_tokens must be at least 1",
    re.IGNORECASE,
)
# llama-cpp-python says 500 to a body that it does not take, like one with audio.
_INVALID_WORDS = re.compile(r"\d+ validation errors?\b")
# And llama.cpp's server says it to audio for a model that reads.
_DEAF_WORDS = "audio input is not supported"
_NO_ENDPOINT_WORDS = re.compile(r"does not support|must be created with embedding=True")


def error_of(body: bytes) -> dict:
    """The error object of a response body, {} when there is none."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return error_in(parsed) or {}


def error_in(parsed: object) -> dict | None:
    """The error object of a parsed body or event, None when it holds no error."""
    if not isinstance(parsed, dict):
        return None
    if parsed.get("object") == "error":  # vLLM before 0.10 did not nest it
        return parsed
    error = parsed.get("error")
    if not error:
        return None
    return error if isinstance(error, dict) else {"message": str(error)}


def failure_of(status: int, error: dict, retry_after: str | None = None) -> Failure:
    """The failure that a status and an error object stand for."""
    if _is_context_too_long(error):
        return Failure(Reason.CONTEXT_TOO_LONG, "the messages are longer than its context")
    if status == 429:
        return Failure(Reason.RATE_LIMITED, "it asks to wait (HTTP 429)", retry_after_s=_seconds(retry_after))
    if status in (400, 413, 422):
        return Failure(Reason.CLIENT_FAULT, f"it refused the request as invalid (HTTP {status})")
    if status in (401, 403):
        return Failure(Reason.REFUSED, f"it refused our key (HTTP {status}); check VIVA_LLM_API_KEY")
    if status == 404:
        return Failure(Reason.REFUSED, "it knows no such address or model (HTTP 404); check its entry in the list")
    if status == 500 and str(error.get("message") or "").startswith(_DEAF_WORDS):
        return Failure(Reason.CANNOT_HEAR, "it understands no audio")
    if status == 500 and _INVALID_WORDS.match(str(error.get("message") or "")):
        return Failure(Reason.CLIENT_FAULT, "it refused the request as invalid (HTTP 500)")
    if status < 500:
        return Failure(Reason.REFUSED, f"it did not accept the request (HTTP {status})")
    return Failure(Reason.SERVER_ERROR, f"it failed (HTTP {status})")


def failure_of_call(status: int, error: dict, retry_after: str | None = None) -> Failure:
    """The failure of an endpoint that not every server has: "not here" is told apart from "no such model"."""
    message = str(error.get("message") or "")
    about_model = error.get("param") == "model" or "does not exist" in message
    if (status in (404, 405, 501) and not about_model) or _NO_ENDPOINT_WORDS.search(message):
        return Failure(Reason.NOT_SUPPORTED, "it has no such endpoint")
    return failure_of(status, error, retry_after)


def failure_in_stream(error: dict) -> Failure:
    """The failure that an error event stands for; its status is in the event, if anywhere."""
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    failure = failure_of(status, error)
    if failure.reason is Reason.SERVER_ERROR:
        return Failure(Reason.SERVER_ERROR, "it reported an error in its stream")
    return failure


def _is_context_too_long(error: dict) -> bool:
    if any(error.get(field) in _CONTEXT_CODES for field in ("code", "type", "param") if _hashable(error.get(field))):
        return True
    message = error.get("message")
    return isinstance(message, str) and _CONTEXT_WORDS.search(message) is not None


def _hashable(value: object) -> bool:
    return isinstance(value, str | int | None)


def _seconds(retry_after: str | None) -> float | None:
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None  # the other form is a date; the client then gets our own default
