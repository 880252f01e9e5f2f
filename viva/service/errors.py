"""Renders errors at the edge: a status, our code, our message, the request id. Never another exception's text."""

import math

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from viva.errors import VivaError
from viva.service.requests import current_request_id

# The status of a response to somebody who has left. Nobody sees it; the log and the metrics do.
CLIENT_LEFT = 499

# What an endpoint may raise; anything else is a fault in the code.
EXPECTED = (VivaError, RequestValidationError, HTTPException, ClientDisconnect)

# Starlette's 404 is of the path: that something is not there which a path names is told by ours.
_CODES = {404: "path_not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media"}


def install_error_handlers(app: FastAPI) -> None:
    """Gives every error of the app the same body."""
    # After the response to what is not expected Starlette raises it again, so that the server logs it.
    for kind in (*EXPECTED, Exception):
        app.add_exception_handler(kind, _response_to)


def error_response(error: VivaError) -> JSONResponse:
    """The error as an HTTP response."""
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return JSONResponse(error.body(current_request_id()), error.status, headers)


def response_to(error: Exception) -> Response:
    """The response to whatever an endpoint raised: an error of ours, a client that left, or a fault in the code."""
    if isinstance(error, VivaError):
        if error.status >= 500:
            structlog.get_logger().warning("request failed", code=error.code, reason=error.message)
        return error_response(error)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=CLIENT_LEFT)
    if isinstance(error, RequestValidationError):
        return _validation_error(error)
    if isinstance(error, HTTPException):  # Starlette's own: no such path or method, a form that cannot be read
        code = _CODES.get(error.status_code, "invalid_request" if error.status_code < 500 else "internal_error")
        response = _plain(error.status_code, code, f"{error.detail}.", None)
        response.headers.update(error.headers or {})
        return response
    return _plain(500, "internal_error", "Something went wrong on our side; the logs have it by this request id.", None)


async def _response_to(_request: Request, error: Exception) -> Response:
    return response_to(error)


def _validation_error(error: RequestValidationError) -> JSONResponse:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path", "header"))
    if problem["type"] == "json_invalid":
        return _plain(400, "invalid_json", "The body is not valid JSON.", None)
    message = f"{where or 'The request'}: {problem['msg']}."
    return _plain(400, "invalid_request", message, where or None)


def _plain(status: int, code: str, message: str, param: str | None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"code": code, "message": message, "type": kind, "param": param, "retryable": False}
    return JSONResponse({"error": body | {"request_id": current_request_id()}}, status)
