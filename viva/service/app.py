"""The part of a FastAPI app that is the same in every service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from fastapi import FastAPI

import viva
from viva.errors import VivaError
from viva.service import docs, health
from viva.service.direct import DirectApp
from viva.service.errors import install_error_handlers
from viva.service.metrics import ServiceMetrics
from viva.service.requests import RequestMiddleware
from viva.service.tracing import NO_TRACER, Tracer

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
# Returns why the service is not ready, or None when it is.
ReadyCheck = Callable[[FastAPI], Awaitable[str | None]]


def service_app(
    title: str,
    description: str,
    *,
    metrics: ServiceMetrics,
    lifespan: Lifespan,
    ready: ReadyCheck,
    tracer: Tracer = NO_TRACER,
) -> DirectApp:
    """An app with ids, logs, metrics, errors, /docs, /healthz, /readyz and /metrics; the service adds its routes.

    `lifespan` opens and closes what the service holds. What it raises stops the start and is logged: a VivaError as
    one sentence, anything else with its traceback. `app.state.stopping` is set when the server begins to stop:
    streams that only wait for news have to end then.
    """
    app = DirectApp(
        metrics=metrics,
        tracer=tracer,
        title=title,
        description=description,
        version=viva.__version__,
        lifespan=_traced(tracer, metrics, _told(lifespan)),
        openapi_url=None,  # docs.py has it, and the page that works without the internet
    )
    app.include_router(docs.router)
    app.state.metrics = metrics
    app.state.ready = ready
    app.state.stopping = asyncio.Event()
    install_error_handlers(app)
    app.add_middleware(RequestMiddleware, metrics=metrics, tracer=tracer)
    app.include_router(health.router)
    return app


def _traced(tracer: Tracer, metrics: ServiceMetrics, lifespan: Lifespan) -> Lifespan:
    @asynccontextmanager
    async def wrapped(app: FastAPI) -> AsyncIterator[None]:
        tracer.start(metrics)
        try:
            async with lifespan(app):
                yield
        finally:
            await tracer.close()

    return wrapped


def _told(lifespan: Lifespan) -> Lifespan:
    @asynccontextmanager
    async def wrapped(app: FastAPI) -> AsyncIterator[None]:
        log = structlog.get_logger()
        context = lifespan(app)
        try:
            await context.__aenter__()
        except VivaError as error:
            log.error("cannot start", code=error.code, reason=error.message)
            raise
        except Exception:
            log.exception("cannot start")  # the server's own report of it is filtered out (logging.py)
            raise
        try:
            yield
        finally:
            await context.__aexit__(None, None, None)

    return wrapped
