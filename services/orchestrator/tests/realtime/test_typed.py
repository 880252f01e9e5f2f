"""A typed question over the WebSocket: the events of its answer, in the order that clients rely on."""

from __future__ import annotations

import base64

ORDER = [
    "session.created",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
END = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


async def test_the_events_of_an_answer_come_in_the_order_of_the_protocol(caller):
    """The item is announced before its deltas, and everything that was opened is closed before response.done."""
    await caller.asks()

    types = caller.types()
    assert types[: len(ORDER)] == ORDER
    assert types[-len(END) :] == END
    deltas = {"response.output_audio_transcript.delta", "response.output_audio.delta"}
    assert set(types[len(ORDER) : -len(END)]) == deltas


async def test_the_deltas_are_the_answer(caller, servers):
    """Put together, the transcript's deltas are the transcript, and the audio's are what the voice made."""
    response = await caller.asks()

    transcript = "".join(event["delta"] for event in caller.all("response.output_audio_transcript.delta"))
    audio = b"".join(base64.b64decode(event["delta"]) for event in caller.all("response.output_audio.delta"))
    assert transcript == "It was Jack Kilby. He showed it in 1958."
    assert response["output"][0]["content"][0]["transcript"] == transcript
    assert audio.decode() == "".join(f"<{text}>" for text in servers.spoken)
