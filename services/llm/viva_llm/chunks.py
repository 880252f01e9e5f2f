"""An answer in OpenAI's wire formats: chunks of a stream as bytes, or one completion object."""

import time
import uuid

import orjson

from viva.errors import VivaError
from viva_llm.answer import Delta, Usage

DONE = b"data: [DONE]\n\n"


def new_answer_id() -> str:
    """An id in OpenAI's form."""
    return f"chatcmpl-{uuid.uuid4().hex}"


class ChunkWriter:
    """Writes the events of one stream.

    Every chunk is written anew rather than passed on, so that ids, the model's name and the fields are ours
    whatever the backend sends; what does not change is made once, which leaves the encoding of the text.
    """

    def __init__(self, answer_id: str, model: str, *, include_usage: bool) -> None:
        created = int(time.time())
        common = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + orjson.dumps(common)[:-1]
        # With include_usage OpenAI puts a null into every chunk but the last.
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._text_head = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._text_tail = b'},"logprobs":null,"finish_reason":null}]' + self._tail
        self._include_usage = include_usage

    def role(self) -> bytes:
        """The chunk that opens a stream."""
        return self._choice({"role": "assistant", "content": ""}, None)

    def delta(self, delta: Delta) -> bytes:
        """The events of one delta; b"" for a usage that the client did not ask for."""
        if delta.finish_reason is None and delta.usage is None:
            return self._text_head + orjson.dumps(delta.text) + self._text_tail
        events = b""
        if delta.text:
            events += self._text_head + orjson.dumps(delta.text) + self._text_tail
        if delta.finish_reason is not None:
            events += self._choice({}, delta.finish_reason)
        if delta.usage is not None and self._include_usage:
            events += self._head + b',"choices":[],"usage":' + orjson.dumps(delta.usage.body()) + b"}\n\n"
        return events

    def error(self, error: VivaError, request_id: str | None) -> bytes:
        """The event that ends a stream that was cut; no finish mark comes after it."""
        return b"data: " + orjson.dumps(error.body(request_id)) + b"\n\n"

    def _choice(self, delta: dict, finish_reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._head + b',"choices":' + orjson.dumps([choice]) + self._tail


def completion(answer_id: str, model: str, text: str, finish_reason: str, usage: Usage) -> dict:
    """The whole answer as one object."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    return {
        "id": answer_id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": usage.body(),
    }
