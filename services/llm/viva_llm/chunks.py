"""An answer in OpenAI's wire formats: chunks of a stream as bytes, or one completion object."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from viva.errors import VivaError
from viva_llm.answer import Delta, Usage

DONE = b"data: [DONE]\n\n"


class ChunkWriter:
    """Writes the events of one stream of a chat.

    Every chunk is written anew rather than passed on, so that ids, the model's name and the fields are ours
    whatever the backend sends; what does not change is made once, which leaves the encoding of the text.
    """

    object_name = "chat.completion.chunk"
    text_before = b',"choices":[{"index":0,"delta":{"content":'
    text_after = b'},"logprobs":null,"finish_reason":null}]'

    def __init__(self, answer_id: str, model: str, *, include_usage: bool) -> None:
        common = {"id": answer_id, "object": self.object_name, "created": int(time.time()), "model": model}
        self._head = b"data: " + orjson.dumps(common)[:-1]
        # With include_usage OpenAI puts a null into every chunk but the last.
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._text_head = self._head + self.text_before
        self._text_tail = self.text_after + self._tail
        self._include_usage = include_usage

    def role(self) -> bytes:
        """The chunk that opens a stream."""
        return self._choice({"delta": {"role": "assistant", "content": ""}}, None)

    def delta(self, delta: Delta) -> bytes:
        """The events of one delta; b"" for a usage that the client did not ask for."""
        if delta.finish_reason is None and delta.usage is None:
            return self._text_head + orjson.dumps(delta.text) + self._text_tail
        events = b""
        if delta.text:
            events += self._text_head + orjson.dumps(delta.text) + self._text_tail
        if delta.finish_reason is not None:
            events += self.finish(delta.finish_reason)
        if delta.usage is not None and self._include_usage:
            events += self._head + b',"choices":[],"usage":' + orjson.dumps(delta.usage.body()) + b"}\n\n"
        return events

    def error(self, error: VivaError, request_id: str | None) -> bytes:
        """The event that ends a stream that was cut; no finish mark comes after it."""
        return b"data: " + orjson.dumps(error.body(request_id)) + b"\n\n"

    def finish(self, reason: str) -> bytes:
        """The chunk that says that the answer is whole."""
        return self._choice({"delta": {}}, reason)

    def _choice(self, said: dict, finish_reason: str | None) -> bytes:
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish_reason}
        return self._head + b',"choices":' + orjson.dumps([choice]) + self._tail


class TextChunkWriter(ChunkWriter):
    """Writes the events of one stream that goes on with a bare text."""

    object_name = "text_completion"
    text_before = b',"choices":[{"index":0,"text":'
    text_after = b',"logprobs":null,"finish_reason":null}]'

    def role(self) -> bytes:
        """Nothing: nobody speaks in a bare text."""
        return b""

    def finish(self, reason: str) -> bytes:
        """The chunk that says that the text is whole."""
        return self._choice({"text": ""}, reason)


@dataclass(frozen=True, slots=True)
class Form:
    """One of OpenAI's two forms of an answer."""

    id_prefix: str
    object_name: str
    writer: type[ChunkWriter]
    said: Callable[[str], dict]
    """How a choice holds the whole text."""

    def new_id(self) -> str:
        """An id for an answer."""
        return f"{self.id_prefix}-{secrets.token_hex(16)}"

    def whole(self, answer_id: str, model: str, text: str, finish_reason: str, usage: Usage) -> dict:
        """The whole answer as one object."""
        choice = {"index": 0, **self.said(text), "logprobs": None, "finish_reason": finish_reason}
        return {
            "id": answer_id,
            "object": self.object_name,
            "created": int(time.time()),
            "model": model,
            "choices": [choice],
            "usage": usage.body(),
        }


CHAT = Form(
    "chatcmpl",
    "chat.completion",
    ChunkWriter,
    lambda text: {"message": {"role": "assistant", "content": text, "refusal": None}},
)
TEXT = Form("cmpl", "text_completion", TextChunkWriter, lambda text: {"text": text})
