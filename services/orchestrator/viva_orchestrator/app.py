"""The orchestrator's app: what it holds is opened in the lifespan, and its routes find it on `app.state`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from viva.audio import Decoder
from viva.service.app import service_app
from viva.service.body import JSONLimit
from viva.service.metrics import ServiceMetrics
from viva.service.tracing import tracer_of
from viva.service.upstream import client_session
from viva_orchestrator.context.planner import Planner
from viva_orchestrator.context.warming import Warmer
from viva_orchestrator.idempotency import Idempotency
from viva_orchestrator.lectures import Lectures
from viva_orchestrator.metrics import ContextMetrics, RealtimeMetrics, SpeechMetrics, TurnMetrics
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.realtime.parts import RealtimeParts
from viva_orchestrator.realtime.resume import Conversations
from viva_orchestrator.routes import health, lectures, realtime, sessions, stages, turns
from viva_orchestrator.routes.page import install_page
from viva_orchestrator.sessions import Sessions
from viva_orchestrator.settings import Settings
from viva_orchestrator.stages import Stages
from viva_orchestrator.state import RedisMetrics, connect
from viva_orchestrator.turn import TurnParts
from viva_orchestrator.turns import Turns

DESCRIPTION = """\
Ask a recorded lecture questions, out loud or typed, and hear the answer with the seconds it rests on.

1. `POST /v1/lectures` uploads a recording; `GET /v1/lectures/{id}/events` follows its transcription.
2. `POST /invoke` asks a question about it (JSON lines; `/chat` is the same as server-sent events).
3. `GET /v1/lectures/{id}/audio?start=&end=` plays what a citation names.

Errors are JSON: `{"error": {"code", "message", "type", "param", "retryable", "request_id"}}`.
"""


def create_app(settings: Settings) -> FastAPI:
    """The app; nothing is opened before its lifespan begins."""
    # A turn has a trace of its own, whichever way it is asked for; other requests have none unless they bring it.
    tracer = tracer_of("viva-orchestrator", settings, continues_only=True, trusts_callers=settings.trace_trust_callers)
    metrics = ServiceMetrics(tracer)
    speech_metrics, context_metrics = SpeechMetrics(metrics), ContextMetrics(metrics)
    turn_metrics, realtime_metrics = TurnMetrics(metrics, speech_metrics), RealtimeMetrics(metrics, speech_metrics)
    redis_seconds = RedisMetrics(metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(client_session())
            redis = await stack.enter_async_context(connect(str(settings.redis_url), redis_seconds))
            decoder = await stack.enter_async_context(Decoder())
            objects = ObjectStore.open(
                settings.object_store_url, s3_endpoint=settings.s3_endpoint, registry=metrics.registry
            )
            app.state.stages = Stages(settings, session, metrics.retried)
            app.state.redis, app.state.objects = redis, objects
            app.state.sessions = Sessions(redis, objects, expiry_s=settings.session_expiry_s)
            app.state.lectures = Lectures(
                redis, objects, app.state.stages.asr, decoder, settings, registry=metrics.registry, tracer=tracer
            )
            app.state.idempotency = Idempotency(redis, longest_turn_s=settings.turn_deadline_s)
            planner = Planner(settings, app.state.stages.llm, objects)
            stack.push_async_callback(planner.close)
            app.state.warmer = Warmer(planner, app.state.stages, context_metrics, enabled=settings.context_warm)
            stack.push_async_callback(app.state.warmer.close)
            parts = TurnParts(
                settings, app.state.stages, app.state.sessions, app.state.lectures, decoder, planner, tracer
            )
            app.state.turns = Turns(settings, parts, turn_metrics)
            app.state.realtime = RealtimeParts(
                settings,
                app.state.turns,
                app.state.stages,
                app.state.sessions,
                app.state.lectures,
                app.state.warmer,
                Conversations(redis, expiry_s=settings.session_expiry_s),
                realtime_metrics,
                tracer,
            )
            await app.state.lectures.start()
            stack.push_async_callback(app.state.lectures.close)
            yield

    app = service_app("Viva", DESCRIPTION, metrics=metrics, lifespan=lifespan, ready=_ready, tracer=tracer)
    app.state.settings = settings
    app.add_middleware(JSONLimit, max_bytes=stages.CHAT_BYTES)
    app.include_direct(turns.router)
    for part in (lectures, sessions, stages, health):
        app.include_router(part.router)
    for path in realtime.PATHS:
        app.router.add_websocket_route(path, realtime.realtime)
    install_page(app, settings.web_dir)
    return app


async def _ready(_app: FastAPI) -> str | None:
    """Ready once started: a stage that is down has its fallback, and a turn says which (see /health)."""
    return None
