"""GET /v1/models."""

from fastapi import APIRouter, Depends

from viva.errors import NotFound
from viva_llm.service import LLMService, service_of

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="The names that `model` may have")
async def list_models(service: LLMService = Depends(service_of)) -> dict:
    """`viva` stands for every backend in order; the others for one backend each."""
    return {"object": "list", "data": [_model(name) for name in service.roster.models()]}


@router.get("/{name:path}", summary="One of these names", responses={404: {"description": "No such model"}})
async def get_model(name: str, service: LLMService = Depends(service_of)) -> dict:
    """The same object that the list has."""
    if name not in service.roster.models():
        raise NotFound(f"There is no model {name!r} here.", code="model_not_found", param="model")
    return _model(name)


def _model(name: str) -> dict:
    return {"id": name, "object": "model", "created": 0, "owned_by": "viva"}
