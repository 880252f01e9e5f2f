"""The two forms of a response: a stream of events, or the whole answer as one object."""

from collections.abc import AsyncIterator

from viva.errors import VivaError
from viva.service.requests import current_request_id
from viva_llm.answer import Usage
from viva_llm.chunks import DONE, ChunkWriter, completion
from viva_llm.given_answer import GivenAnswer


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


async def whole(answer: GivenAnswer, answer_id: str) -> dict:
    """The whole answer as OpenAI's completion object. Raises VivaError when it is cut short."""
    texts: list[str] = []
    finish_reason, usage = "stop", None
    async for delta in answer:
        texts.append(delta.text)
        finish_reason = delta.finish_reason or finish_reason
        usage = delta.usage or usage
    pieces = sum(map(bool, texts))
    return completion(answer_id, answer.model, "".join(texts), finish_reason, usage or Usage(0, pieces))
