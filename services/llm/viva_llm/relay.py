"""The two ways to send an answer: a stream of events, or the whole of it as one object."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import orjson
from starlette.requests import Request
from starlette.responses import Response

from viva.errors import VivaError
from viva.service.admission import Admission
from viva.service.disconnect import CLIENT_LEFT, ClientLeft, ClosingResponse, unless_client_leaves
from viva.service.requests import current_request_id
from viva_llm.answer import Usage
from viva_llm.chunks import DONE, ChunkWriter, Form
from viva_llm.given_answer import GivenAnswer
from viva_llm.request_body import Sampled


async def respond(
    request: Request, asked: Sampled, answer: GivenAnswer, form: Form, admission: Admission
) -> Response:
    """The response to a request whose body has been read. Raises VivaError before its first byte only."""
    answer_id = form.new_id()
    async with AsyncExitStack() as held:
        held.enter_context(admission.place())
        held.push_async_callback(answer.aclose)
        try:
            await unless_client_leaves(request, answer.start())
            if not asked.stream:
                body = await unless_client_leaves(request, whole(answer, answer_id, form))
                return Response(orjson.dumps(body), headers=headers_of(answer), media_type="application/json")
        except ClientLeft:
            return Response(status_code=CLIENT_LEFT)
        writer = form.writer(answer_id, answer.model, include_usage=asked.include_usage)
        return ClosingResponse(
            events_of(answer, writer),
            held=held.pop_all(),
            headers=headers_of(answer),
            media_type="text/event-stream",
        )


def headers_of(answer: GivenAnswer) -> dict[str, str]:
    """Says which backend answers, and that it is a fallback where it is one."""
    headers = {"x-viva-backend": answer.backend}
    if answer.degraded:
        headers["x-viva-degraded"] = answer.degraded
    return headers


async def events_of(answer: GivenAnswer, writer: ChunkWriter) -> AsyncIterator[bytes]:
    """The answer as server-sent events; a failure midway is an error event, after which there is no finish mark."""
    head = writer.role()
    try:
        async for delta in answer:
            if event := writer.delta(delta):
                yield head + event
                head = b""
    except VivaError as error:
        yield head + writer.error(error, current_request_id())
        return
    yield DONE


async def whole(answer: GivenAnswer, answer_id: str, form: Form) -> dict:
    """The whole answer as OpenAI's object. Raises VivaError when it is cut short."""
    texts: list[str] = []
    finish_reason, usage = "stop", None
    async for delta in answer:
        texts.append(delta.text)
        finish_reason = delta.finish_reason or finish_reason
        usage = delta.usage or usage
    pieces = sum(map(bool, texts))
    return form.whole(answer_id, answer.model, "".join(texts), finish_reason, usage or Usage(0, pieces))
