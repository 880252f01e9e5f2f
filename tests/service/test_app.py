"""service_app: ids, errors and metrics are the same in every service."""

import gc
import weakref
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from viva.errors import AudioRejected, EngineUnavailable, Overloaded, StageUnavailable
from viva.service.app import service_app
from viva.service.engines import import_engine
from viva.service.metrics import ServiceMetrics


class Body(BaseModel):
    count: int


@asynccontextmanager
async def nothing(_app):
    yield


async def always_ready(_app):
    return None


@pytest.fixture
def app():
    app = service_app("t", "d", metrics=ServiceMetrics(), lifespan=nothing, ready=always_ready)

    @app.get("/raise/{name}")
    async def fail(name: str):
        errors = {
            "audio": AudioRejected("The file holds no audio.", code="audio_empty"),
            "busy": Overloaded("Busy.", retry_after_s=2.5),
            "stage": StageUnavailable("asr", "Down."),
        }
        raise errors.get(name) or RuntimeError("password=hunter2")

    @app.post("/count")
    async def count(body: Body):
        return body

    return app


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        yield client


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("audio", 400, "audio_empty"),
        ("busy", 503, "overloaded"),
        ("stage", 503, "asr_unavailable"),
        ("other", 500, "internal_error"),
    ],
)
async def test_errors_have_one_shape(client, name, status, code):
    """A code, a message of ours and the request id; never an exception's text."""
    response = await client.get(f"/raise/{name}", headers={"X-Request-ID": "abc-1"})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["request_id"]) == (status, code, "abc-1")
    assert "hunter2" not in response.text
    assert response.headers.get("Retry-After") == ("3" if name == "busy" else None)


async def test_wrong_bodies_are_400_with_the_field(client):
    """Invalid JSON and a field of the wrong type are told apart."""
    assert (await client.post("/count", content=b"{", headers={"Content-Type": "application/json"})).json()["error"][
        "code"
    ] == "invalid_json"
    error = (await client.post("/count", json={"count": "x"})).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_request", "count")
    assert (await client.get("/nowhere")).json()["error"]["code"] == "path_not_found"


async def test_a_bad_request_id_is_replaced(client):
    """What could break a log line is not taken over."""
    response = await client.get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert response.headers["X-Request-ID"] != "a b\tc"


async def test_metrics_count_requests_by_route(client):
    """The label is the route's template, never the path."""
    await client.get("/raise/audio")
    page = (await client.get("/metrics")).text
    assert 'viva_http_requests_total{method="GET",route="/raise/{name}",status="400"} 1.0' in page


def test_unknown_engines_and_failing_imports_are_told_apart():
    """Each gets its own sentence."""
    table = {"a": "viva.nowhere:Engine"}
    with pytest.raises(EngineUnavailable, match="choose one of: a"):
        import_engine(table, "b", stage="asr")
    with pytest.raises(EngineUnavailable, match=r"needs the Python package 'viva.nowhere'"):
        import_engine(table, "a", stage="asr")


async def test_what_stops_the_start_unexpectedly_is_logged_with_its_traceback():
    """The server's own report of a failed start is filtered out, so ours has to say what it was."""

    @asynccontextmanager
    async def broken(_app):
        raise RuntimeError("the disk is on fire")
        yield

    app = service_app("t", "d", metrics=ServiceMetrics(), lifespan=broken, ready=always_ready)
    with capture_logs() as logs, pytest.raises(RuntimeError):
        async with app.router.lifespan_context(app):
            pass
    assert [(log["event"], log["log_level"], log["exc_info"]) for log in logs] == [("cannot start", "error", True)]


async def test_an_app_is_gone_with_who_made_it():
    """FastAPI remembers functions: none of ours keeps an app, and the models in it, while the process lives."""
    app = service_app("t", "d", metrics=ServiceMetrics(), lifespan=nothing, ready=always_ready)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
    left = weakref.ref(app)
    del app, client
    gc.collect()
    assert left() is None
