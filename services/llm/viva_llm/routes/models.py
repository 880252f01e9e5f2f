"""GET /v1/models."""

from fastapi import APIRouter, Depends

from viva.errors import NotFound
from viva_llm.route import Route
from viva_llm.service import LLMService, service_of

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="The names that `model` may have")
async def list_models(service: LLMService = Depends(service_of)) -> dict:
    """Aliases (`viva` is the default one), each with the `models` it stands for in order, and the models themselves.

    `max_model_len` is in tokens, null where nobody says it.
    """
    names = service.router.names()
    return {"object": "list", "data": [_model(name, routes, service) for name, routes in names.items()]}


@router.get("/{name:path}", summary="One of these names", responses={404: {"description": "No such model"}})
async def get_model(name: str, service: LLMService = Depends(service_of)) -> dict:
    """The same object that the list has."""
    routes = service.router.names().get(name)
    if routes is None:
        raise NotFound(f"There is no model {name!r} here.", code="model_not_found", param="model")
    return _model(name, routes, service)


def _model(name: str, routes: tuple[Route, ...], service: LLMService) -> dict:
    is_alias = routes is service.router.default or name in service.router.aliases
    more = {"models": [route.shown_model or route.backend.name for route in routes]} if is_alias else {}
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "viva" if is_alias else routes[0].backend.name,
        # Of the first route that says: those behind it are tried when it fails, and say so if a prompt is too long.
        "max_model_len": next((length for route in routes if (length := route.max_model_len)), None),
        **more,
    }
