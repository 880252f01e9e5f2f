"""/docs: the page of the API, which has to work without the internet."""

import re
from contextlib import asynccontextmanager

import httpx
import pytest

from viva.service.app import service_app
from viva.service.metrics import ServiceMetrics


@asynccontextmanager
async def nothing(_app):
    yield


async def always_ready(_app):
    return None


@pytest.fixture
async def client():
    app = service_app("Title", "d", metrics=ServiceMetrics(), lifespan=nothing, ready=always_ready)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t/prefix/") as client:
        client.app = app
        yield client


async def test_the_page_and_all_that_it_loads_come_from_this_server(client):
    """Every address in the page is answered here, and browsers are told to load nothing from anywhere else."""
    page = await client.get("http://t/docs")
    addresses = re.findall(r"""(?:href|src)="([^"]+)"|url: '([^']+)'""", page.text)
    loaded = [one or other for one, other in addresses if not (one or other).startswith("data:")]
    assert len(loaded) == 3
    for address in loaded:
        assert (await client.get(f"http://t/{address}")).status_code == 200
    assert "http" not in page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert not re.findall(r"(?:https?:)?//[\w.]+", page.text)


async def test_the_files_are_what_they_are_called(client):
    """The script defines what the page calls, the style sheet loads nothing, and no other file is served."""
    script = await client.get("http://t/docs/swagger-ui-bundle.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "SwaggerUIBundle" in script.text[:2000]
    style = await client.get("http://t/docs/swagger-ui.css")
    assert style.headers["content-type"].startswith("text/css")
    assert not re.search(r"url\(['\"]?+(?!data:|#)", style.text)
    for other in ("redoc.standalone.js", "..%2F__init__.py", "x"):
        assert (await client.get(f"http://t/docs/{other}")).status_code == 404


async def test_documentation_has_its_own_labels_in_the_metrics(client):
    """/docs and /openapi.json are counted as what they are, not among the paths that nobody knows."""
    for path in ("/docs", "/openapi.json", "/docs/swagger-ui.css", "/nowhere"):
        await client.get(f"http://t{path}")
    metrics = client.app.state.metrics.render()[0].decode()
    counted = re.findall(r'viva_http_requests_total\{method="GET",route="([^"]+)"', metrics)
    assert sorted(counted) == ["/docs", "/docs/{name}", "/openapi.json", "unmatched"]


async def test_the_document_is_the_apps_own(client):
    """Title and routes, without the pages about them."""
    document = (await client.get("http://t/openapi.json")).json()
    assert document["info"]["title"] == "Title"
    assert set(document["paths"]) == {"/healthz", "/readyz", "/metrics"}
