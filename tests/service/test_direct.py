"""DirectApp: an endpoint that is called around the framework cannot be told from one inside it."""

from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, StreamingResponse

from viva.errors import Overloaded
from viva.service.app import service_app
from viva.service.metrics import ServiceMetrics

RAISED = {
    "busy": (Overloaded("Busy.", retry_after_s=2.5), 503, "overloaded"),
    "form": (HTTPException(400, "There was an error parsing the body"), 400, "invalid_request"),
    "fault": (RuntimeError("password=hunter2"), 500, "internal_error"),
}


@asynccontextmanager
async def nothing(_app):
    yield


async def always_ready(_app):
    return None


def routes() -> APIRouter:
    """Endpoints that take a request and return a response."""
    router = APIRouter()

    @router.post("/ask", summary="Ask")
    async def ask(request: Request) -> PlainTextResponse:
        if name := request.headers.get("raise"):
            raise RAISED[name][0]
        return PlainTextResponse(b"heard " + await request.body(), headers={"x-own": "1"})

    @router.post("/break")
    async def break_off(request: Request) -> StreamingResponse:
        async def body():
            yield b"one"
            raise Overloaded("Busy.")

        return StreamingResponse(body())

    return router


@pytest.fixture
def app():
    app = service_app("t", "d", metrics=ServiceMetrics(), lifespan=nothing, ready=always_ready)
    app.include_direct(routes())
    return app


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        yield client


async def test_it_answers_with_an_id_and_is_counted_by_its_path(client):
    """The request id comes back beside the endpoint's own headers, and the metrics have the route."""
    response = await client.post("/ask", content=b"you", headers={"X-Request-ID": "abc-1"})
    assert (response.text, response.headers["x-own"], response.headers["x-request-id"]) == ("heard you", "1", "abc-1")
    assert 'route="/ask"' in (await client.get("/metrics")).text


@pytest.mark.parametrize("name", RAISED)
async def test_errors_are_rendered_as_everywhere(client, name):
    """A status, a code, the request id; of a fault in the code no word."""
    _, status, code = RAISED[name]
    response = await client.post("/ask", headers={"X-Request-ID": "abc-1", "raise": name})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["request_id"]) == (status, code, "abc-1")
    assert "hunter2" not in response.text


async def test_a_fault_reaches_the_server_so_that_it_is_logged(app):
    """What nobody expected is raised again after its response; what was meant is not."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        with pytest.raises(RuntimeError):
            await client.post("/ask", headers={"raise": "fault"})
        await client.post("/ask", headers={"raise": "busy"})


async def test_a_response_that_has_begun_is_cut_not_answered_again(app):
    """Once bytes are out, an error can only end the connection."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        with pytest.raises(Overloaded):
            await client.post("/break")


async def test_other_methods_and_the_document_are_the_frameworks(client):
    """The path is known to FastAPI too: 405 for another method, and a place in the OpenAPI document."""
    assert (await client.get("/ask")).json()["error"]["code"] == "method_not_allowed"
    assert (await client.get("/openapi.json")).json()["paths"]["/ask"]["post"]["summary"] == "Ask"


@pytest.mark.parametrize("what", ["a parameter", "a dependency"])
def test_an_endpoint_that_needs_the_framework_is_refused(app, what):
    """Nobody would fill in its arguments."""
    router = APIRouter()
    if what == "a parameter":

        @router.get("/things")
        async def things(request: Request, name: str) -> PlainTextResponse: ...
    else:

        @router.get("/things")
        async def things(request: Request, made=Depends(routes)) -> PlainTextResponse: ...

    with pytest.raises(ValueError, match="/things"):
        app.include_direct(router)
