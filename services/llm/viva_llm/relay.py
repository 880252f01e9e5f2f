"""The two ways to send an answer: a stream of events, or the whole of it as one object."""

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from viva.errors import VivaError
from viva.service.admission import Admission
from viva.service.disconnect import CLIENT_LEFT, ClientLeft, unless_left
from viva.service.requests import current_request_id
from viva_llm.answer import Usage
from viva_llm.chunks import DONE, Form
from viva_llm.given_answer import GivenAnswer
from viva_llm.request_body import Sampled


class AnswerResponse:
    """The response to a request whose body has been read, as an ASGI app.

    Raises VivaError before its first byte only. It sends to the server itself, and one watch for the client lasts from
    the first wait to the last byte: what is done once for each token, or before the first, is a router's cost.
    """

    def __init__(self, asked: Sampled, answer: GivenAnswer, form: Form, admission: Admission) -> None:
        self._asked = asked
        self._answer = answer
        self._form = form
        self._admission = admission
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Asks for the answer and sends it; all work for it ends when its client leaves."""
        with self._admission.place():
            try:
                response = await unless_left(receive, self._stream(send) if self._asked.stream else self._whole())
            except ClientLeft:
                response = None if self._begun else Response(status_code=CLIENT_LEFT)
            finally:
                await self._answer.aclose()
        if response is not None:
            await response(scope, receive, send)

    async def _stream(self, send: Send) -> None:
        """Sends server-sent events; a failure midway is an error event, after which there is no finish mark."""
        answer = self._answer
        await answer.start()
        writer = self._form.writer(self._form.new_id(), answer.model, include_usage=self._asked.include_usage)
        head = [(b"content-type", b"text/event-stream; charset=utf-8"), *headers_of(answer), *_NOT_STORED]
        self._begun = True
        await send({"type": "http.response.start", "status": 200, "headers": head})
        before = writer.role()
        try:
            async for delta in answer:
                if event := writer.delta(delta):
                    await send({"type": "http.response.body", "body": before + event, "more_body": True})
                    before = b""
            end = DONE
        except VivaError as error:
            end = before + writer.error(error, current_request_id())
        await send({"type": "http.response.body", "body": end, "more_body": False})

    async def _whole(self) -> Response:
        """The whole answer as OpenAI's object. Raises VivaError when it is cut short."""
        answer = self._answer
        await answer.start()
        texts: list[str] = []
        finish_reason, usage = "stop", None
        async for delta in answer:
            texts.append(delta.text)
            finish_reason = delta.finish_reason or finish_reason
            usage = delta.usage or usage
        usage = usage or Usage(0, sum(map(bool, texts)))
        body = self._form.whole(self._form.new_id(), answer.model, "".join(texts), finish_reason, usage)
        response = Response(orjson.dumps(body), media_type="application/json")
        response.raw_headers += headers_of(answer)
        return response


# Proxies must not collect a stream before they pass it on, nor keep it.
_NOT_STORED = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))


def headers_of(answer: GivenAnswer) -> list[tuple[bytes, bytes]]:
    """Says which backend answers, and that it is a fallback where it is one."""
    headers = [(b"x-viva-backend", answer.backend.encode())]
    if answer.degraded:
        headers.append((b"x-viva-degraded", answer.degraded.encode()))
    return headers
