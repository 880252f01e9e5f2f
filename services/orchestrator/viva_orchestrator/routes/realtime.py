"""WS /v1/realtime (also /voice): a conversation by the OpenAI Realtime protocol."""

from __future__ import annotations

import time
import uuid
from urllib.parse import urlsplit

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from viva.errors import InvalidRequest, Overloaded, VivaError
from viva_orchestrator.realtime.arrival import Arrival
from viva_orchestrator.realtime.connection import Connection
from viva_orchestrator.realtime.parts import RealtimeParts

PATHS = ("/v1/realtime", "/voice")
# What browsers ask for, who can send no header; the key that they send the same way is of no use here.
SUBPROTOCOL = "realtime"


async def realtime(websocket: WebSocket) -> None:
    """One connection, unless it comes from a foreign page or there are too many."""
    parts: RealtimeParts = websocket.app.state.realtime
    metrics = parts.metrics
    if (refusal := _refusal(websocket, parts)) is not None:
        metrics.ended.labels("refused").inc()
        headers = {"Retry-After": "1"} if refusal.retryable else None
        await websocket.send_denial_response(JSONResponse(refusal.body(), refusal.status, headers))
        return
    structlog.contextvars.clear_contextvars()
    # Whatever is asked of the stages for this conversation has it in their logs.
    structlog.contextvars.bind_contextvars(request_id=uuid.uuid4().hex)
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None
    outcome, started = "vanished", time.monotonic()
    metrics.opened()
    try:
        await websocket.accept(subprotocol)
        outcome = await Connection(websocket, parts).run(Arrival.of(websocket.query_params))
    finally:
        metrics.closed(outcome)
        seconds = round(time.monotonic() - started, 1)
        structlog.get_logger().info("conversation", outcome=outcome, seconds=seconds)


def _refusal(websocket: WebSocket, parts: RealtimeParts) -> VivaError | None:
    if not _is_ours(websocket, parts.settings.realtime_origins):
        return ForeignOrigin("Pages of this origin may not connect: see VIVA_REALTIME_ORIGINS.")
    if parts.metrics.open_now >= parts.settings.realtime_max_connections:
        parts.metrics.shed.inc()
        return Overloaded("Too many conversations are open right now; connect again in a moment.")
    return None


class ForeignOrigin(InvalidRequest):
    """A page from elsewhere wants to talk to this server with its visitor's access."""

    status = 403
    default_code = "origin_not_allowed"


def _is_ours(websocket: WebSocket, allowed: str) -> bool:
    """Whether a page may connect: one of the same host, or of an origin that is named. Programs send no origin."""
    origin = websocket.headers.get("origin")
    names = {name.strip().rstrip("/") for name in allowed.split(",")}
    return origin is None or "*" in names or origin in names or urlsplit(origin).netloc == websocket.headers.get("host")
