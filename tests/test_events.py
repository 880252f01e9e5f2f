"""Events: written as one JSON object each, and read back by the client."""

import orjson

from viva.events import (
    AnswerDelta,
    Audio,
    Citation,
    ContextUse,
    Done,
    Error,
    Receipt,
    Transcript,
    Usage,
    decode,
    encode,
)

DONE = Done(
    "t1",
    "s1",
    "why",
    "because",
    (Citation("l1", 1.5, 2.5, "be cause"),),
    None,
    Usage(1, 2),
    Receipt(asr_ms=3.0, context=ContextUse("passages", 5000, 16384, 120)),
)


def test_every_event_reads_back():
    """The client gets what the orchestrator sent."""
    for event in (
        Transcript("hi"),
        AnswerDelta("a"),
        Audio(0, "mp3", "AA==", "a"),
        DONE,
        Error("x", "m", True),
    ):
        assert decode(encode(event)) == event


def test_unknown_types_and_fields_of_a_newer_server_are_skipped():
    """An older client goes on."""
    assert decode(b'{"type":"mood","value":1}') is None
    newer = orjson.loads(encode(DONE)) | {"mood": "good"}
    newer["receipt"]["extra_ms"] = 1
    assert decode(orjson.dumps(newer)) == DONE
