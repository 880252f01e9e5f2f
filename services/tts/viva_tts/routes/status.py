"""GET /status."""

from fastapi import APIRouter, Depends

from viva_tts.service import TTSService, service_of

router = APIRouter(tags=["health"])


@router.get("/status", summary="The engine, why it was taken, its voices, and the load")
async def status(service: TTSService = Depends(service_of)) -> dict:
    """What speaks here, and how busy it is."""
    cache = service.voicing.cache
    return {
        "engine": service.engine.name,
        "model": service.engine.model,
        "why": service.why,
        "voice": service.voices.default.id,
        "voices": len(service.engine.voices),
        "load": {
            "active": service.admission.active,
            "max_active": service.admission.max_active,
            "workers": service.makers.workers,
        },
        "cache": {"bytes": cache.bytes, "max_bytes": cache.max_bytes},
    }
