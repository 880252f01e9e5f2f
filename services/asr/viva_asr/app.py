"""The asr service as a FastAPI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from viva.service.app import service_app
from viva.service.metrics import ServiceMetrics
from viva.service.tracing import tracer_of
from viva_asr.engine import choose, make_engine
from viva_asr.metrics import AsrMetrics
from viva_asr.recogniser import Recogniser
from viva_asr.routes import router, transcriptions
from viva_asr.settings import AsrSettings
from viva_asr.streaming.route import router as streaming_router

_DESCRIPTION = "OpenAI's transcription API; speech is cut out of a recording and recognised side by side."


def create_app(settings: AsrSettings) -> FastAPI:
    """Return the app, which loads its engine in its lifespan. Raises EngineUnavailable when there is no such one."""
    tracer = tracer_of("viva-asr", settings)
    metrics = ServiceMetrics(tracer)
    choice = choose(settings)
    app = service_app("Viva asr", _DESCRIPTION, metrics=metrics, lifespan=_lifespan, ready=_not_ready, tracer=tracer)
    app.state.recogniser = Recogniser(settings, make_engine(settings, choice), choice, AsrMetrics(metrics))
    app.include_direct(transcriptions)
    app.include_router(router)
    app.include_router(streaming_router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    recogniser: Recogniser = app.state.recogniser
    await recogniser.start()
    try:
        yield
    finally:
        await recogniser.close()


async def _not_ready(app: FastAPI) -> str | None:
    return None if app.state.recogniser.ready else "the engine is still loading"
