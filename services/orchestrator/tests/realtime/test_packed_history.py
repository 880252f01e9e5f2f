"""Conversations that come as one message."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva_orchestrator.realtime import packed_history
from viva_orchestrator.realtime.items import Item, Part
from viva_orchestrator.realtime.packed_history import items_in, unpack

ASKED = {"role": "user", "content": "And when?"}


def packed(*messages: dict) -> str:
    before, after = "\n  What was said before [in short].", "\n  Go on from here."
    return "\n\n".join([before, json.dumps(messages, indent=2, ensure_ascii=False), after])


def test_the_messages_come_out_in_order():
    """With who said them, and with paragraphs and brackets of their own."""
    text = packed(
        {"role": "user", "content": "Who made it?"},
        {"role": "assistant", "content": "Jack Kilby.\n\n[He was new there.]"},
        {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "when?"}]},
    )
    assert unpack(text) == [
        ("user", "Who made it?"),
        ("assistant", "Jack Kilby.\n\n[He was new there.]"),
        ("user", "And when?"),
    ]


def test_calls_of_tools_are_left_out():
    """Nothing was said in them."""
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    result = {"role": "tool", "content": "42", "tool_call_id": "1"}
    assert unpack(packed({"role": "user", "content": "How many?"}, call, result)) == [("user", "How many?")]


@pytest.mark.parametrize(
    "text",
    [
        "Who made the first integrated circuit?",
        "What does this mean?\n\n[1, 2, 3]",
        "And this?\n\n[]\n\nThanks.",
        'Why does it fail?\n\n[{"role": "user"}]',
        "It is cut off:\n\n[" + '{"role": "user", "content": "x"',
        "So many of them:\n\n" + "[" * 100_000,
    ],
)
def test_a_single_message_is_left_alone(text):
    """Whatever lists may be in it."""
    assert unpack(text) is None


def test_the_last_message_has_the_id_that_the_client_gave():
    """It is the one that an answer is asked to; those before it are what was said earlier."""
    text = packed({"role": "user", "content": "Who made it?"}, {"role": "assistant", "content": "Jack Kilby."}, ASKED)
    items = items_in(Item("item_packed", "user", (Part("input_text", text),)))
    assert [(item.role, item.text) for item in items] == [
        ("user", "Who made it?"),
        ("assistant", "Jack Kilby."),
        ("user", "And when?"),
    ]
    assert items[-1].id == "item_packed"
    assert len({item.id for item in items}) == 3


@pytest.mark.parametrize("role", ["assistant", "system", "user"])
def test_an_item_that_is_just_one_is_itself(role):
    """And what the answerer or the system says is never taken apart."""
    item = Item("item_one", role, (Part("input_text", packed(ASKED) if role != "user" else "And when?"),))
    assert items_in(item) == [item]


def test_only_the_first_lists_are_looked_at(monkeypatch):
    """However many paragraphs of a message begin like one: each costs time that all connections wait for."""
    looked_at = []
    monkeypatch.setattr(packed_history.orjson, "loads", lambda text: looked_at.append(text) or 0)
    assert unpack("Well?" + "\n\n[" * 20_000) is None

    assert 0 < len(looked_at) <= packed_history.MOST_LISTS


def test_a_message_that_no_question_could_be_is_not_looked_at(monkeypatch):
    """It is one item, and too long."""
    monkeypatch.setattr(packed_history.orjson, "loads", lambda text: pytest.fail("It was read."))
    assert unpack(packed({"role": "user", "content": "x" * packed_history.MOST_CHARACTERS})) is None


def test_of_very_many_messages_the_newest_are_taken():
    """More than a conversation holds would only push each other out."""
    messages = [{"role": "user", "content": str(number)} for number in range(packed_history.MOST_MESSAGES + 5)]
    said = unpack(packed(*messages))
    assert len(said) == packed_history.MOST_MESSAGES
    assert said[-1] == ("user", messages[-1]["content"])


def test_half_of_a_surrogate_pair_is_not_taken():
    """No JSON could be written of it: not the answer's request, nor what is kept of the conversation."""
    text = "\n\n".join(["Before.", r'[{"role": "user", "content": "a \ud83d b"}]', "After."])
    [item] = items_in(Item("item_packed", "user", (Part("input_text", text),)))
    assert item.text == text


_TEXTS = st.text(alphabet=st.sampled_from('[]{}",:\\n \\ud83a"rolecontent'), max_size=200)
_MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.text(max_size=9) | st.sampled_from(["user"]), "content": st.text(max_size=30)})
)


@given(st.text() | _TEXTS | _MESSAGES.map(json.dumps), st.booleans())
def test_whatever_a_message_holds_its_items_can_be_kept(middle, paragraph):
    """Nothing is raised, there is always an item with the id, and each can be written."""
    text = f"Before.\n\n{middle}\n\nAfter." if paragraph else f"\n\n[{middle}"
    items = items_in(Item("item_packed", "user", (Part("input_text", text),)))
    assert items[-1].id == "item_packed"
    assert orjson.dumps(items)
