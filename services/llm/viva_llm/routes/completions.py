"""POST /v1/completions."""

from fastapi import APIRouter, Request

from viva.service.body import limited
from viva_llm.chunks import TEXT
from viva_llm.relay import AnswerResponse
from viva_llm.request_body import CompletionRequest, parse_request
from viva_llm.service import LLMService, wants_fallback

router = APIRouter(tags=["chat"])

# The body is read by us, for its size limit, so its schema is put into the document by hand.
_WHERE = "#/paths/~1v1~1completions/post/requestBody/content/application~1json/schema/$defs/{model}"
_SCHEMA = CompletionRequest.model_json_schema(ref_template=_WHERE)


@router.post(
    "/v1/completions",
    summary="Go on with a text, as OpenAI's completions API does, where a backend can",
    response_model=None,
    responses={404: {"description": "No such model, or no backend behind it that does this (`not_supported`)"}},
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}},
)
async def create_completion(request: Request) -> AnswerResponse:
    """Routes, failures and streams are as for chats."""
    service: LLMService = request.app.state.llm
    service.admission.require_room()
    body = await limited(request, service.settings.max_body_bytes, what="The request").body()
    asked = parse_request(CompletionRequest, body)
    routes = service.routes(asked.model, fallback=wants_fallback(request))
    answer = service.answer(routes, asked.placement_key(), asked.as_prompt())
    return AnswerResponse(asked, answer, TEXT, service.admission)
