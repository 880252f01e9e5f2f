"""The llm service as a FastAPI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from viva.service.admission import Admission
from viva.service.app import service_app
from viva.service.metrics import ServiceMetrics
from viva.service.tracing import tracer_of
from viva_llm.metrics import LLMMetrics
from viva_llm.policy_watch import PolicyWatch, first_policy
from viva_llm.replica_metrics import ReplicaMetrics
from viva_llm.router import Router
from viva_llm.routes import calls, chat, completions, models, status
from viva_llm.service import LLMService
from viva_llm.settings import LLMSettings

_DESCRIPTION = "OpenAI's API in front of model servers: names for routes, sticky replicas, the next one when one fails."


def create_app(settings: LLMSettings) -> FastAPI:
    """The app, which opens its backends in its lifespan. Raises EngineUnavailable when one cannot be loaded."""
    tracer = tracer_of("viva-llm", settings)
    metrics = ServiceMetrics(tracer)
    llm_metrics = LLMMetrics(metrics)
    policy, why = first_policy(settings)
    router = Router(policy, settings)
    metrics.registry.register(ReplicaMetrics(router))
    app = service_app("Viva llm", _DESCRIPTION, metrics=metrics, lifespan=_lifespan, ready=_not_ready, tracer=tracer)
    app.state.llm = LLMService(
        settings=settings,
        router=router,
        policy=PolicyWatch(settings.routes_file, settings, router, llm_metrics),
        admission=Admission(
            settings.max_active,
            llm_metrics.active,
            metrics.shed.labels("requests"),
            refusal="As many answers as this service can give are under way; try again in a moment.",
        ),
        metrics=llm_metrics,
        why=why,
    )
    for routes in (chat, completions):
        app.include_direct(routes.router)
    for routes in (calls, models, status):
        app.include_router(routes.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: LLMService = app.state.llm
    await service.router.start()
    await service.policy.start()
    in_use = service.router.in_use
    structlog.get_logger().info("backends", why=service.why, in_use=in_use.backend.name, model=in_use.shown_model)
    try:
        yield
    finally:
        await service.policy.close()
        await service.router.close()


async def _not_ready(app: FastAPI) -> str | None:
    router = app.state.llm.router
    return None if router.ready else f"no backend can serve: {router.default[0].backend.problem}"
