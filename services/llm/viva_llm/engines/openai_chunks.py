"""Chat chunks of an OpenAI-compatible stream, turned into deltas. No I/O."""

import orjson

from viva.sse import SSEParser
from viva_llm.answer import Delta, Usage
from viva_llm.engines.openai_errors import error_in, failure_in_stream
from viva_llm.failure import Failure, Reason

_FINISHED = frozenset({"stop", "length", "content_filter"})
# A server that shuts down or aborts marks the cut answer so (vLLM): it is not a finish.
_ABORTED = frozenset({"abort", "error"})
_DONE = frozenset({"[DONE]", b"[DONE]"})


class ChunkReader:
    """Feeds on the bytes of a stream as they come; `done` once its [DONE] has been seen."""

    def __init__(self) -> None:
        self._events = SSEParser()
        self._between_events = True
        self.done = False

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas completed by this chunk, without empty ones. Raises Failure.

        What came whole before an error is not returned with it: an answer that fails is cut anyway.
        """
        deltas = []
        for data in self._data_of(chunk):
            if data in _DONE:
                self.done = True
                break
            delta = _delta(data)
            if delta is not None:
                deltas.append(delta)
        return deltas

    def _data_of(self, chunk: bytes) -> list[str] | list[bytes]:
        # Nearly always a chunk is one whole event, which needs no parser; half of this stage's own cost per token.
        whole = chunk[-2:] == b"\n\n"
        if whole and self._between_events and chunk[:6] == b"data: " and chunk.count(b"\n") == 2 and b"\r" not in chunk:
            return [chunk[6:-2]]
        self._between_events = whole
        try:
            return [event.data for event in self._events.feed(chunk)]
        except ValueError:
            raise Failure(Reason.BAD_STREAM, "it sent an event larger than any token is") from None


def _delta(data: str | bytes) -> Delta | None:
    try:
        chunk = orjson.loads(data)
        choices = chunk.get("choices")
        if not choices or "error" in chunk:
            return _usage_or_error(chunk)
        choice = choices[0]
        delta = choice.get("delta")
        # Without a delta it is a completion of a bare text.
        text = (delta.get("content") if delta else choice.get("text")) or ""
        reason = choice.get("finish_reason")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, IndexError):
        raise _no_chunk() from None
    if text.__class__ is not str:  # the cheapest check; made for every token
        raise _no_chunk()
    if reason is None:
        return Delta(text) if text else None
    if reason in _ABORTED:
        raise Failure(Reason.SERVER_ERROR, "it gave the answer up before its end")
    return Delta(text, reason if reason in _FINISHED else "stop", _usage(chunk.get("usage")))


def _no_chunk() -> Failure:
    return Failure(Reason.BAD_STREAM, "it sent an event that is no chat chunk")


def _usage_or_error(chunk: dict) -> Delta | None:
    if (error := error_in(chunk)) is not None:
        raise failure_in_stream(error)
    usage = _usage(chunk.get("usage"))
    return Delta(usage=usage) if usage else None


def _usage(usage: object) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    cached_tokens = None if cached is None else _count(cached)
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), cached_tokens)


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
