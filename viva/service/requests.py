"""Request ids, one log line per request, and the HTTP metrics, as plain ASGI so that streams pass untouched."""

import re
import secrets
import time
from collections.abc import Awaitable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viva.service.metrics import ServiceMetrics
from viva.service.tracing import NO_TRACER, NOT_TRACED, Span, Tracer

_VALID_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")
_QUIET_ROUTES = {"/healthz", "/readyz", "/metrics"}


def current_request_id() -> str | None:
    """The id of the request that this task works for, to be passed on as X-Request-ID."""
    return structlog.contextvars.get_contextvars().get("request_id")


class RequestMiddleware:
    """Takes X-Request-ID from the caller or makes one, and gives it back on the response."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, tracer: Tracer = NO_TRACER) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or secrets.token_hex(16)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.monotonic()
        status = 0

        def send_with_id(message: Message) -> Awaitable[None]:  # no coroutine of its own: a stream has many messages
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {
                    **message,
                    "headers": [*message["headers"], (b"x-request-id", request_id.encode())],
                }
            return send(message)

        with self._tracer.request(scope) as span:
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                self._record(scope, status or 499, time.monotonic() - started, span)

    def _record(self, scope: Scope, status: int, seconds: float, span: Span) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        if span is not NOT_TRACED:
            span.rename(f"{scope['method']} {route}")
            span.set(status=status, request_id=current_request_id())
        self._metrics.requests.labels(route, _known_method(scope["method"]), str(status)).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        log = self._log.debug if route in _QUIET_ROUTES else self._log.info
        log("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            return text if _VALID_ID.fullmatch(text) else None
    return None


def _known_method(method: str) -> str:
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
