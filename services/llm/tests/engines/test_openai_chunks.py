"""Chat chunks as servers send them."""

import pytest

from viva_llm.answer import Delta, Usage
from viva_llm.engines.openai_chunks import ChunkReader
from viva_llm.failure import Failure, Reason

from ..model_server import event, text_event

STREAM = b"".join(
    [
        b": comment\n\n",
        event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]),
        text_event("naïve "),
        event(choices=[{"delta": {"reasoning_content": "hmm"}}]),
        text_event("日本"),
        text_event("", "stop"),
        event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2}),
        b"data: [DONE]\n\n",
    ]
)
WHOLE = [Delta("naïve "), Delta("日本"), Delta("", "stop"), Delta(usage=Usage(3, 2))]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_bytes_may_be_cut_anywhere(size):
    """The deltas are the same however the bytes arrive; empty and unspoken ones are left out."""
    reader = ChunkReader()
    deltas = [d for i in range(0, len(STREAM), size) for d in reader.feed(STREAM[i : i + size])]
    assert deltas == WHOLE
    assert reader.done


def test_last_token_may_carry_the_reason_and_the_usage():
    """Some servers send text, reason and counts in one chunk (llama.cpp, Ollama)."""
    chunk = event(
        choices=[{"delta": {"content": "end"}, "finish_reason": "length"}],
        usage={"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
    )
    assert ChunkReader().feed(chunk) == [Delta("end", "length", Usage(1, 2, 1))]


def test_unknown_reason_is_a_stop():
    """A finish is a finish; clients get only reasons that they know."""
    assert ChunkReader().feed(text_event("x", "eos")) == [Delta("x", "stop")]


@pytest.mark.parametrize("usage", [[], "x", {"prompt_tokens": -1, "completion_tokens": None}])
def test_odd_usage_breaks_nothing(usage):
    """Counts that are none count as zero."""
    deltas = ChunkReader().feed(event(choices=[{"delta": {}, "finish_reason": "stop"}], usage=usage))
    assert deltas[0].finish_reason == "stop"
    assert deltas[0].usage in (None, Usage(0, 0))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{oops", Reason.BAD_STREAM),
        (b"[]", Reason.BAD_STREAM),
        (b"5", Reason.BAD_STREAM),
        (b'{"choices":[5]}', Reason.BAD_STREAM),
        (b'{"choices":{"a":1}}', Reason.BAD_STREAM),
        (b'{"choices":[{"delta":{"content":["x"]}}]}', Reason.BAD_STREAM),
        (b'{"choices":[{"delta":{},"finish_reason":"abort"}]}', Reason.SERVER_ERROR),
        (b'{"error":{"message":"m","code":500}}', Reason.SERVER_ERROR),
        (b'{"error":"m"}', Reason.SERVER_ERROR),
        (b'{"object":"error","message":"m","code":400}', Reason.CLIENT_FAULT),
        (b'{"error":{"message":"m","type":"exceed_context_size_error","code":400}}', Reason.CONTEXT_TOO_LONG),
    ],
)
def test_what_is_no_chunk_is_a_failure(data, reason):
    """Anything but a chat chunk ends the stream with a reason."""
    with pytest.raises(Failure) as caught:
        ChunkReader().feed(b"data: " + data + b"\n\n")
    assert caught.value.reason is reason


def test_endless_event_is_a_failure():
    """A server cannot fill the memory with one event."""
    reader = ChunkReader()
    reader.feed(b"data: " + b"x" * 4_000_000)
    with pytest.raises(Failure, match="larger than any token"):
        reader.feed(b"x" * 500_000)


def test_event_after_half_an_event_is_not_mistaken_for_a_whole_one():
    """A chunk that looks whole may be the second half of another event, whose data it then belongs to."""
    reader = ChunkReader()
    assert reader.feed(b'data: {"choices":[{"delta":\n') == []
    assert reader.feed(b'data: {"content":"x"}}]}\n\n') == [Delta("x")]
    assert reader.feed(text_event("y")) == [Delta("y")]
    assert reader.feed(b"data: [DONE]\n\n") == []
    assert reader.done
