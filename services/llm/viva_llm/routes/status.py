"""GET /status."""

from fastapi import APIRouter, Depends

from viva_llm.route import Route
from viva_llm.service import LLMService, service_of

router = APIRouter(tags=["health"])


@router.get("/status", summary="Routes, backends with their replicas, which one is in use and why, and the load")
async def status(service: LLMService = Depends(service_of)) -> dict:
    """`engine` is the backend that the next question without a model goes to; `why` says how it came to that."""
    router, in_use = service.router, service.router.in_use
    return {
        "engine": in_use.backend.name,
        "model": in_use.shown_model,
        "why": _why(service, in_use),
        "degraded": None if in_use is router.default[0] else f"llm:{in_use.backend.name}",
        "load": {"active": service.admission.active, "max_active": service.admission.max_active},
        "policy": service.policy.body(),
        "routes": {alias: [_step(route) for route in routes] for alias, routes in router.aliases.items()},
        "backends": [{**backend.body(), "in_use": backend is in_use.backend} for backend in router.backends.values()],
    }


def _step(route: Route) -> dict:
    return {
        "backend": route.backend.name,
        "model": route.shown_model,
        "max_model_len": route.max_model_len,
        "first_token_s": route.deadlines.first_token_s,
        "chunk_s": route.deadlines.chunk_s,
    }


def _why(service: LLMService, in_use: Route) -> str:
    first = service.router.default[0]
    if in_use is first:
        return service.why
    return f"{service.why}; {first.backend.name} does not serve: {first.backend.problem or 'its replicas rest'}"
