"""The tts service as a FastAPI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from viva.service.admission import Admission
from viva.service.app import service_app
from viva.service.cores import usable_cores
from viva.service.metrics import ServiceMetrics
from viva.service.tracing import tracer_of
from viva_tts.bridge import Bridge
from viva_tts.cache import PhraseCache
from viva_tts.engine import choose, make_engine
from viva_tts.metrics import TTSMetrics
from viva_tts.routes import speech, status, synthesize, voices
from viva_tts.service import TTSService
from viva_tts.settings import TTSSettings
from viva_tts.stages import Voicing

_DESCRIPTION = "OpenAI's speech API: the first sentence is heard while the next ones are being made."


def create_app(settings: TTSSettings) -> FastAPI:
    """The app, which starts its engine in its lifespan. Raises EngineUnavailable when it cannot be loaded."""
    tracer = tracer_of("viva-tts", settings)
    metrics = ServiceMetrics(tracer)
    tts_metrics = TTSMetrics(metrics)
    makers = Bridge(settings.workers or usable_cores(), tts_metrics.queue_wait, tts_metrics.engine)
    name, why = choose(settings)
    engine = make_engine(name, settings, makers)
    app = service_app("Viva tts", _DESCRIPTION, metrics=metrics, lifespan=_lifespan, ready=_not_ready, tracer=tracer)
    app.state.tts = TTSService(
        settings=settings,
        engine=engine,
        why=why,
        voicing=Voicing(engine, PhraseCache(settings.cache_bytes), tts_metrics, settings.sentence_timeout_s),
        admission=Admission(
            settings.max_active,
            tts_metrics.active,
            metrics.shed.labels("requests"),
            refusal="As much speech as this service can make is under way; try again in a moment.",
        ),
        metrics=tts_metrics,
        makers=makers,
        encoders=Bridge(usable_cores()),
    )
    for routes in (speech, synthesize):
        app.include_direct(routes.router)
    for routes in (voices, status):
        app.include_router(routes.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: TTSService = app.state.tts
    try:
        await service.engine.start()
        structlog.get_logger().info(
            "engine", engine=service.engine.name, why=service.why, voice=service.voices.default.id
        )
        yield
    finally:
        await service.engine.close()
        service.makers.close()
        service.encoders.close()


async def _not_ready(app: FastAPI) -> str | None:
    return None if app.state.tts.engine.voices else "the engine has no voices yet"
