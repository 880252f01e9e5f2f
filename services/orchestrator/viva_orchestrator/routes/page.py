"""The page at `/`, and its files under `/web`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

# The browser keeps the page to what this server sends: no script or style in the markup, nothing from elsewhere.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked for again each time, and answered with 304: after an update no browser mixes old files with new ones.
    "Cache-Control": "no-cache",
}
_MISSING = """\
<!doctype html><html lang="en"><title>Viva</title><h1>Viva runs, but its page is not here</h1>
<p>The folder of the page, web/, was not found where this orchestrator looks; the log says where, and VIVA_WEB_DIR
names another. The API works all the same: see <a href="docs">its documentation</a>.</p></html>
"""

router = APIRouter()


class PageFiles(StaticFiles):
    """The files of the page, with validators for caches and the page's policy."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file, or 304 when the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_HEADERS)
        return response


def web_folder(chosen: Path | None) -> Path | None:
    """Where the page is: the folder that was chosen, else that of this checkout, else the one that is installed."""
    here = Path(__file__).resolve()
    places: Sequence[Path] = (chosen,) if chosen else (here.parents[4] / "web", here.parents[1] / "web")
    for place in places:
        if (place / "index.html").is_file():
            return place
    structlog.get_logger().warning("the page is not here", looked_in=[str(place) for place in places])
    return None


def install_page(app: FastAPI, chosen: Path | None) -> None:
    """Adds the page and its files; without them `/` says so, and everything else works."""
    folder = web_folder(chosen)
    app.state.page = PageFiles(directory=folder) if folder else None
    if folder:
        app.mount("/web", app.state.page, name="web")
    app.include_router(router)


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def page(request: Request) -> Response:
    """What whoever opens the address that `make run` prints sees."""
    if request.app.state.page is None:
        return HTMLResponse(_MISSING, 503)
    return await request.app.state.page.get_response("index.html", request.scope)
