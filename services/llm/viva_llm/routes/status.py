"""GET /status."""

from fastapi import APIRouter, Depends

from viva_llm.member import Member
from viva_llm.service import LLMService, service_of

router = APIRouter(tags=["health"])


@router.get("/status", summary="Backends in order, which one is in use and why, and the load")
async def status(service: LLMService = Depends(service_of)) -> dict:
    """`engine` is the backend that the next question goes to; `why` says how it came to that."""
    roster, in_use = service.roster, service.roster.in_use
    return {
        "engine": in_use.name,
        "model": in_use.backend.model,
        "why": _why(service, in_use),
        "degraded": None if in_use is roster.members[0] else f"llm:{in_use.name}",
        "load": {"active": service.admission.active, "max_active": service.admission.max_active},
        "backends": [
            {
                "name": member.name,
                "kind": member.backend.kind,
                "model": member.backend.model,
                "in_use": member is in_use,
                **member.health.body(),
            }
            for member in roster.members
        ],
    }


def _why(service: LLMService, in_use: Member) -> str:
    first = service.roster.members[0]
    if in_use is first:
        return service.why
    return f"{service.why}; {first.name} does not serve: {first.health.last_error or 'not heard of yet'}"
