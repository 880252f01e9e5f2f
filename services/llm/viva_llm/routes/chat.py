"""POST /v1/chat/completions."""

from fastapi import APIRouter, Request

from viva.service.body import limited
from viva_llm.chunks import CHAT
from viva_llm.relay import AnswerResponse
from viva_llm.request_body import ChatCompletionRequest, parse_request
from viva_llm.service import LLMService, wants_fallback

router = APIRouter(tags=["chat"])

# The body is read by us, for its size limit, so its schema is put into the document by hand.
_WHERE = "#/paths/~1v1~1chat~1completions/post/requestBody/content/application~1json/schema/$defs/{model}"
_SCHEMA = ChatCompletionRequest.model_json_schema(ref_template=_WHERE)


@router.post(
    "/v1/chat/completions",
    summary="Answer a conversation, as OpenAI's chat API does",
    response_model=None,
    responses={
        200: {
            "description": "The answer; `text/event-stream` when `stream` is true. `x-viva-backend` names what "
            "answered, `x-viva-degraded` is there when that is a fallback.",
        },
        400: {"description": "The request is wrong, or longer than every model's context"},
        404: {"description": "No such model"},
        503: {"description": "No backend could answer, or too many answers are under way (Retry-After)"},
        504: {"description": "No backend began to answer in its time"},
    },
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}},
)
async def create_chat_completion(request: Request) -> AnswerResponse:
    """The routes of the model's name are tried in order until one gives a first token; only then the response begins.

    The header `X-Viva-Fallback: none` forbids answers without a model (503 instead), as warming a prefix wants it.
    A failure after the first token is an `{"error": ...}` event, and the stream ends without `finish_reason` and
    `[DONE]`.
    """
    service: LLMService = request.app.state.llm
    service.admission.require_room()
    body = await limited(request, service.settings.max_body_bytes, what="The request").body()
    asked = parse_request(ChatCompletionRequest, body)
    routes = service.routes(asked.model, fallback=wants_fallback(request))
    chat = asked.as_chat(service.settings.audio_prefixes())
    answer = service.answer(routes, asked.placement_key(), chat)
    return AnswerResponse(asked, answer, CHAT, service.admission)
