"""An answer as an item in the making."""

from __future__ import annotations

import base64

import pytest

from viva import events
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.heard import BYTES_PER_MS
from viva_orchestrator.realtime.reply import Reply, Wanted
from viva_orchestrator.remembering import Written

TEXT = "It was made by Jack Kilby."


@pytest.mark.parametrize("settled_first", [False, True], ids=["before the end", "after it was broken off"])
def test_the_client_may_say_at_any_time_where_it_stopped_playing(settled_first):
    """Its truncation can come before the interruption that it belongs to, or a moment later."""
    reply = Reply(Wanted(), Conversation(), "conv_1", "turn_1")
    reply.feed(events.AnswerDelta(TEXT))
    sound = base64.b64encode(bytes(2000 * BYTES_PER_MS)).decode()
    reply.feed(events.Audio(0, "pcm", sound, TEXT))
    written = Written(raw=TEXT)
    if settled_first:
        reply.break_off(written)
        reply.stopped_at(1000)
    else:
        reply.stopped_at(1000)
        reply.break_off(written)
    assert reply.item.text == "It was made"  # nine letters of 21; the next word ends past the half
    assert reply.conversation.get(reply.item.id) == reply.item
    assert reply.item.answer.raw == "It was made"


def test_a_clause_in_pieces_is_as_long_as_all_of_them():
    """Its words come with the last piece, and sound as long as the whole."""
    reply = Reply(Wanted(), Conversation(), "conv_1", "turn_1")
    reply.feed(events.AnswerDelta(TEXT))
    for seq, (ms, text) in enumerate([(300, ""), (500, ""), (200, TEXT)]):
        found = reply.feed(events.Audio(seq, "pcm", base64.b64encode(bytes(ms * BYTES_PER_MS)).decode(), text))
        assert any(event["type"] == "response.output_audio.delta" for event in found)
    (clause,) = reply.spoken
    assert (clause.text, clause.ms) == (TEXT, 1000)


def test_a_clause_that_never_came_to_its_end_was_not_said():
    """What was interrupted while it was being spoken is not remembered as heard."""
    reply = Reply(Wanted(), Conversation(), "conv_1", "turn_1")
    reply.feed(events.AnswerDelta(TEXT))
    reply.feed(events.Audio(0, "pcm", base64.b64encode(bytes(300 * BYTES_PER_MS)).decode(), ""))
    reply.break_off(Written(raw=TEXT))
    assert reply.item.text == ""
