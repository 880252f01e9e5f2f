"""POST /tokenize and /v1/embeddings: calls with one answer, where a backend has them."""

from collections.abc import Callable

import orjson
from fastapi import APIRouter, Depends, Request, Response

from viva.service.body import limited
from viva.service.disconnect import CLIENT_LEFT, ClientLeft, unless_client_leaves
from viva_llm.attempts import Attempts, Success
from viva_llm.call_body import (
    EmbeddingRequest,
    TokenizeRequest,
    embedding_answer,
    embedding_body,
    tokenize_answer,
    tokenize_body,
)
from viva_llm.replica import Replica
from viva_llm.request_body import Placed, messages_of, parse_request
from viva_llm.route import Route
from viva_llm.service import LLMService, service_of

router = APIRouter(tags=["calls"])

_NOT_FOUND = {404: {"description": "No such model, or no backend behind it that has this (`not_supported`)"}}


def _described(path: str, body: type[Placed]) -> dict:
    # The body is read by us, for its size limit, so its schema is put into the document by hand.
    where = f"#/paths/{path.replace('/', '~1')}/post/requestBody/content/application~1json/schema/$defs/{{model}}"
    schema = body.model_json_schema(ref_template=where)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "/tokenize",
    summary="Count the tokens of a chat with the model's own tokenizer, as vLLM does",
    response_model=None,
    responses=_NOT_FOUND,
    openapi_extra=_described("/tokenize", TokenizeRequest),
)
async def tokenize(request: Request, service: LLMService = Depends(service_of)) -> Response:
    """`{"count", "max_model_len"}`, both in tokens; `max_model_len` is null where nobody says it."""
    asked = parse_request(TokenizeRequest, await _body(request, service))
    messages = messages_of(asked.messages or [], service.settings.audio_prefixes())

    async def call(route: Route, replica: Replica) -> dict:
        body = tokenize_body(asked, messages, await replica.model_for(route.model))
        return tokenize_answer(await replica.engine.call("../tokenize", body), route.max_model_len)

    return await _called(request, service, asked, call)


@router.post(
    "/v1/embeddings",
    summary="Embeddings of texts, as OpenAI's API has them",
    response_model=None,
    responses=_NOT_FOUND,
    openapi_extra=_described("/v1/embeddings", EmbeddingRequest),
)
async def embed(request: Request, service: LLMService = Depends(service_of)) -> Response:
    """Routes and failures are as for chats."""
    asked = parse_request(EmbeddingRequest, await _body(request, service))

    async def call(route: Route, replica: Replica) -> dict:
        model = await replica.model_for(route.model)
        return embedding_answer(await replica.engine.call("embeddings", embedding_body(asked, model)), model)

    return await _called(request, service, asked, call)


async def _body(request: Request, service: LLMService) -> bytes:
    return await limited(request, service.settings.max_body_bytes, what="The request").body()


async def _called(request: Request, service: LLMService, asked: Placed, call: Callable) -> Response:
    attempts = Attempts(service.routes(asked.model), asked.placement_key(), service.metrics)

    async def work() -> Success[dict]:
        success = await attempts.until_one(call)
        success.release()
        success.replica.health.answered()
        return success

    with service.admission.place():
        try:
            success = await unless_client_leaves(request, work())
        except ClientLeft:
            return Response(status_code=CLIENT_LEFT)
    headers = {"x-viva-backend": success.route.backend.name}
    return Response(orjson.dumps(success.result), headers=headers, media_type="application/json")
