"""Calls that go straight to their endpoint, around the framework's routing.

The way of a request through FastAPI and Starlette takes 0.2 ms of CPU, as much as all that the llm service
does to route it. Endpoints where that counts take nothing but the request, and are called without them. They stay in
the OpenAPI document, and behave as the others do: request id, log line, metrics, error bodies.
"""

from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from viva.service.errors import EXPECTED, response_to
from viva.service.metrics import ServiceMetrics
from viva.service.requests import RequestMiddleware
from viva.service.tracing import NO_TRACER, Tracer


class DirectApp(FastAPI):
    """A FastAPI app, some of whose endpoints are called without it."""

    def __init__(self, *, metrics: ServiceMetrics, tracer: Tracer = NO_TRACER, **options: Any) -> None:
        super().__init__(**options)
        self._direct: dict[tuple[str, str], Any] = {}
        self._call_directly = RequestMiddleware(_call_endpoint, metrics, tracer)

    def include_direct(self, router: APIRouter) -> None:
        """Includes a router whose endpoints take a `Request` alone; raises ValueError for one that takes more.

        Middleware added to the app is not passed through.
        """
        self.include_router(router)
        for route in router.routes:
            fields = route.dependant
            if fields.dependencies or fields.path_params or fields.query_params or fields.body_params:
                raise ValueError(f"{route.path}: only the framework can fill in what this endpoint takes")
            self._direct.update({(method, route.path): route for method in route.methods})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: directly, or as FastAPI does it."""
        route = self._direct.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"], scope["route"] = self, route
        await self._call_directly(scope, receive, send)


async def _call_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    begun = False

    def send_on(message: Message) -> Awaitable[None]:
        nonlocal begun
        begun = True
        return send(message)

    request = Request(scope, receive)
    try:
        response = await scope["route"].endpoint(request)
        await response(scope, receive, send_on)
    except Exception as error:
        if not begun:
            await response_to(error)(scope, receive, send)
        if begun or not isinstance(error, EXPECTED):
            raise  # the server logs it with its traceback, and cuts what has begun
