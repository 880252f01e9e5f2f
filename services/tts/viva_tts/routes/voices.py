"""GET /v1/audio/voices."""

from dataclasses import asdict

from fastapi import APIRouter, Depends

from viva_tts.service import TTSService, service_of

router = APIRouter(tags=["speech"])


@router.get("/v1/audio/voices", summary="The voices of the engine, and who speaks for OpenAI's names")
async def list_voices(service: TTSService = Depends(service_of)) -> dict:
    """`aliases` says which voice speaks for each of OpenAI's; any other name gets the default."""
    book = service.voices
    return {
        "engine": service.engine.name,
        "default": book.default.id,
        "voices": [{**asdict(voice), "name": voice.id} for voice in book.voices],
        "aliases": book.aliases(),
    }
