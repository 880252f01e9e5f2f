"""GET /health and /status: how every stage is, on one page."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

import viva
from viva.errors import VivaError
from viva.service.upstream import Upstream

router = APIRouter(tags=["health"])

# A summary that waits for a stage that hangs would hang with it.
PATIENCE_S = 2.0


@router.get(
    "/health",
    summary="A summary of every stage",
    responses={503: {"description": "No question can be answered"}},
)
async def health(request: Request) -> JSONResponse:
    """`ok` when everything is, `degraded` when something has a fallback, `down` when no question can be answered."""
    state = request.app.state
    names = ("asr", "llm", "tts", "redis", "object_store")
    checks = [_ready(getattr(state.stages, name)) for name in names[:3]]
    found = await asyncio.gather(*checks, _answers(state.redis.ping()), _answers(state.objects.check()))
    parts = dict(zip(names, found, strict=True))
    # Without a voice or a memory there is still an answer; without ears a typed question gets one.
    worst = "down" if parts["llm"] != "ok" else "ok" if set(found) == {"ok"} else "degraded"
    return JSONResponse({"status": worst, "parts": parts}, 503 if worst == "down" else 200)


@router.get("/status", summary="Engines, models, routes and loads of every stage")
async def status(request: Request) -> dict[str, Any]:
    """What each stage says of itself, and this replica's own load."""
    state = request.app.state
    stages = {name: getattr(state.stages, name) for name in ("asr", "llm", "tts")}
    found = await asyncio.gather(*(_status(upstream) for upstream in stages.values()))
    return {
        "version": viva.__version__,
        "active_turns": state.turns.active,
        "max_active_turns": state.settings.max_active_turns,
        "waiting_turns": state.turns.room.waiting,
        "max_waiting_turns": state.turns.room.limit,
        "stages": dict(zip(stages, found, strict=True)),
    }


async def _ready(upstream: Upstream) -> str:
    return await _answers(upstream.read("GET", "/readyz", first_byte_s=PATIENCE_S))


async def _answers(check: Any) -> str:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await check
    except VivaError as error:
        return error.code
    except Exception:  # whatever a client library raises, the answer is the same
        return "unavailable"
    return "ok"


async def _status(upstream: Upstream) -> Any:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await upstream.read_json("GET", "/status", first_byte_s=PATIENCE_S)
    except (VivaError, TimeoutError):
        return {"status": "unavailable"}
