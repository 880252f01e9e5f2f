"""Errors as servers word them; the bodies are those of vLLM 0.9 and 0.16, OpenAI, llama.cpp and llama-cpp-python."""

import orjson
import pytest

from viva_llm.engines.openai_errors import error_of, failure_of, failure_of_call
from viva_llm.failure import Reason

TOO_LONG = {
    "vllm 0.9": {
        "object": "error",
        "message": "This model's maximum context length is 6048 tokens. However, you requested 6616 tokens.",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    },
    "vllm 0.16": {
        "error": {
            "message": "You passed 1015 input tokens and requested 10 output tokens.",
            "type": "BadRequestError",
            "param": "input_tokens",
            "code": 400,
        }
    },
    "openai": {"error": {"message": "m", "type": "invalid_request_error", "code": "context_length_exceeded"}},
    "llama.cpp": {"error": {"code": 500, "message": "m", "type": "exceed_context_size_error", "n_ctx": 256}},
    "llama-cpp-python": {"error": {"message": "Requested tokens (2285) exceed context window of 2048", "code": None}},
}


@pytest.mark.parametrize("server", TOO_LONG)
@pytest.mark.parametrize("status", [400, 500])
def test_context_too_long_is_told_apart(server, status):
    """Whatever its status and words, a prompt that is too long is known as that."""
    assert failure_of(status, error_of(orjson.dumps(TOO_LONG[server]))).reason is Reason.CONTEXT_TOO_LONG


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (307, Reason.REFUSED),
        (400, Reason.CLIENT_FAULT),
        (401, Reason.REFUSED),
        (403, Reason.REFUSED),
        (404, Reason.REFUSED),
        (413, Reason.CLIENT_FAULT),
        (422, Reason.CLIENT_FAULT),
        (429, Reason.RATE_LIMITED),
        (500, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
    ],
)
def test_status_without_a_body_has_a_reason(status, reason):
    """Every status means something by itself, and is told in our words."""
    failure = failure_of(status, {})
    assert failure.reason is reason
    assert failure.said


def test_what_is_called_a_failure_of_the_server_and_is_none_is_told_apart():
    """llama-cpp-python answers 500 to a body that it does not take and to embeddings that it does not make, llama.cpp's
    server to audio; a real 500 stays one."""
    said = {
        "audio input is not supported - hint: you may need to provide the mmproj": Reason.CANNOT_HEAR,
        "2 validation errors:\n  {'type': 'literal_error'}": Reason.CLIENT_FAULT,
        "llama_decode returned -3": Reason.SERVER_ERROR,
    }
    for message, reason in said.items():
        assert failure_of(500, {"message": message, "type": "internal_server_error"}).reason is reason
    no_embeddings = {"message": "Llama model must be created with embedding=True to call this method"}
    assert failure_of_call(500, no_embeddings).reason is Reason.NOT_SUPPORTED


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"{}", b'{"error":null}', b'{"error":{"code":["x"]}}'])
def test_any_body_can_be_read(body):
    """A body that is no error object is no error either; only the status counts then."""
    assert failure_of(500, error_of(body)).reason is Reason.SERVER_ERROR


@pytest.mark.parametrize(("header", "seconds"), [("3", 3.0), (None, None), ("Fri, 01 Jan 2027 00:00:00 GMT", None)])
def test_retry_after_is_kept(header, seconds):
    """How long a server asks to wait is passed on, when it says so in seconds."""
    assert failure_of(429, {}, header).retry_after_s == seconds
