"""/healthz, /readyz and /metrics.

Their functions are made once and find the app by the request: FastAPI remembers for good the functions that it has
looked at, and one made for an app would keep that app, and the models in it, as long as the process lives.
"""

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Alive: the process answers")
async def healthz() -> dict[str, str]:
    # Asks nobody else: a service is not to be restarted for the failure of another.
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Ready to take work",
    responses={503: {"description": "Not ready; `reason` says why"}},
)
async def readyz(request: Request) -> Response:
    reason = await request.app.state.ready(request.app)
    if reason is None:
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "not_ready", "reason": reason}, 503)


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics_page(request: Request) -> Response:
    body, content_type = request.app.state.metrics.render(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type})
