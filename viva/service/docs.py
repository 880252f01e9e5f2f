"""/docs and /openapi.json: the page that shows the API, with nothing in it from another host.

FastAPI's own page loads Swagger UI from a CDN, so it is blank on a machine without the internet. The files come from
the package fastapi-offline instead; only they are used, its code is not.
"""

from importlib import resources

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import JSONResponse, Response

from viva.errors import NotFound

_TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# Browsers keep the page to what this server sends (or it made itself), whatever a later Swagger UI may want to load.
_POLICY = "default-src 'self' 'unsafe-inline' data: blob:"


router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def document(request: Request) -> JSONResponse:
    """The document that describes the API of whichever service this is."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def page(request: Request) -> Response:
    """The page, with addresses relative to it: it works below any prefix that a proxy puts before it."""
    response = get_swagger_ui_html(
        title=f"{request.app.title}: API",
        openapi_url="openapi.json",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"validatorUrl": None},  # it would send the document to swagger.io
    )
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@router.get("/docs/{name}")
async def file(name: str) -> Response:
    """A script or a style of the page."""
    if name not in _TYPES:
        raise NotFound("The page of the API has no such file.")
    content = resources.files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(content, media_type=_TYPES[name], headers={"Cache-Control": "max-age=86400"})
