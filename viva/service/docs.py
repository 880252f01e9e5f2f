"""/docs and /openapi.json: the page that shows the API, with nothing in it from another host.

FastAPI's own page loads Swagger UI from a CDN, so it is blank on a machine without the internet. The files come from
the package fastapi-offline instead; only they are used, its code is not.
"""

from importlib import resources

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import JSONResponse, Response

from viva.errors import NotFound

_TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# Browsers keep the page to what this server sends (or it made itself), whatever a later Swagger UI may want to load.
_POLICY = "default-src 'self' 'unsafe-inline' data: blob:"


def install_docs(app: FastAPI) -> None:
    """Adds the page, its files and the document; the app must have been made without FastAPI's own."""

    @app.get("/openapi.json", include_in_schema=False)
    async def document() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def page() -> Response:
        # Addresses relative to the page: it works below any prefix that a proxy puts before it.
        response = get_swagger_ui_html(
            title=f"{app.title}: API",
            openapi_url="openapi.json",
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
            swagger_favicon_url="data:,",
            swagger_ui_parameters={"validatorUrl": None},  # it would send the document to swagger.io
        )
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    @app.get("/docs/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        if name not in _TYPES:
            raise NotFound("The page of the API has no such file.")
        content = resources.files("fastapi_offline").joinpath("static", name).read_bytes()
        return Response(content, media_type=_TYPES[name], headers={"Cache-Control": "max-age=86400"})
