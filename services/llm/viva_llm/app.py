"""The llm service as a FastAPI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from viva.service.admission import Admission
from viva.service.app import service_app
from viva.service.metrics import ServiceMetrics
from viva_llm.engine import choose, make_backends
from viva_llm.metrics import LLMMetrics
from viva_llm.roster import Roster
from viva_llm.routes import chat, models, status
from viva_llm.service import LLMService
from viva_llm.settings import LLMSettings

_DESCRIPTION = "OpenAI's chat API in front of an ordered list of backends; the next one answers when one cannot."


def create_app(settings: LLMSettings) -> FastAPI:
    """The app, which opens its backends in its lifespan. Raises EngineUnavailable when one cannot be loaded."""
    metrics = ServiceMetrics()
    llm_metrics = LLMMetrics(metrics)
    specs, why = choose(settings)
    roster = Roster(
        make_backends(specs, settings),
        rest_s=settings.rest_s,
        probe_interval_s=settings.probe_interval_s,
        probe_timeout_s=settings.probe_timeout_s,
    )
    app = service_app("Viva llm", _DESCRIPTION, metrics=metrics, lifespan=_lifespan, ready=_not_ready)
    app.state.llm = LLMService(
        settings=settings,
        roster=roster,
        admission=Admission(
            settings.max_active,
            llm_metrics.active,
            refusal="As many answers as this service can give are under way; try again in a moment.",
        ),
        metrics=llm_metrics,
        why=why,
    )
    for routes in (chat, models, status):
        app.include_router(routes.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: LLMService = app.state.llm
    await service.roster.start()
    in_use = service.roster.in_use
    structlog.get_logger().info("backends", why=service.why, in_use=in_use.name, model=in_use.backend.model)
    try:
        yield
    finally:
        await service.roster.close()


async def _not_ready(app: FastAPI) -> str | None:
    roster = app.state.llm.roster
    return None if roster.ready else f"no backend can serve: {roster.members[0].health.last_error}"
