"""What clients send: understood where it can be, never more than it may be."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva_orchestrator.realtime import client_events
from viva_orchestrator.realtime.client_events import (
    MOST_GIVEN,
    MOST_MS,
    MOST_NAME,
    MOST_PARTS,
    CreateItem,
    InvalidEvent,
    TruncateItem,
    client_item,
    parse,
)

LONG = "x" * 100_000


def parsed(kind: str, **fields):
    return parse(json.dumps({"type": kind, **fields}))[0]


@pytest.mark.parametrize(
    ("end_ms", "understood"),
    [
        (1e300, MOST_MS),
        (99999999999999999999, MOST_MS),
        (-1e300, 0),
        (2**63, MOST_MS),
        (12.9, 12),
        (True, 1),
        ("", 0),
    ],
)
def test_a_time_is_one_that_can_be_told(end_ms, understood):
    """However large or small, it is clamped: an error would end pipecat's conversation."""
    event = parsed("conversation.item.truncate", item_id="a", content_index=end_ms, audio_end_ms=end_ms)
    assert event == TruncateItem("a", understood, understood)
    assert orjson.dumps(event)


def test_names_are_cut():
    """Of an item, its parts, and everything that speaks of it, all in the same way."""
    event, event_id = parse(
        json.dumps(
            {
                "type": "conversation.item.create",
                "event_id": LONG,
                "previous_item_id": LONG,
                "item": {"id": LONG, "role": "user", "content": [{"type": LONG, "text": "Why?"}]},
            }
        )
    )
    cut = LONG[:MOST_NAME]
    assert (event_id, event.previous_item_id, event.item.id, event.item.parts[0].type) == (cut, cut, cut, cut)
    assert client_item({"type": LONG}).type == cut
    for kind in ("delete", "truncate", "retrieve"):
        assert parsed(f"conversation.item.{kind}", item_id=LONG).item_id == cut


def test_an_item_has_so_many_parts_at_most():
    """Those over are left out: a million of them would be two hundred megabytes."""
    item = client_item({"role": "user", "content": [{}] * 100_000})
    assert len(item.parts) == MOST_PARTS


def test_no_part_beyond_the_bound_is_looked_at(monkeypatch):
    """Each costs time that all connections wait for."""
    made = []
    part = client_events._part
    monkeypatch.setattr(client_events, "_part", lambda fields: made.append(1) or part(fields))
    client_item({"role": "user", "content": [{}] * 100_000})
    assert len(made) == MOST_PARTS


def test_a_response_is_given_so_many_items_at_most():
    """The newest, which the question is among."""
    given_items = [{"role": "user", "content": [{"text": str(number)}]} for number in range(MOST_GIVEN + 9)]
    options = parsed("response.create", response={"input": given_items}).options
    assert options["input"] == given_items[-MOST_GIVEN:]


def test_metadata_is_what_the_protocol_allows():
    """Sixteen pairs of text: it is given back in every event about the response."""
    metadata = {"topic": "a", "deep": [[]], "long": LONG, **{f"k{number}": "v" for number in range(50)}}
    kept = parsed("response.create", response={"metadata": metadata}).options["metadata"]
    assert kept["topic"] == "a"
    assert "deep" not in kept
    assert len(kept) == 16
    assert len(orjson.dumps(kept)) < 20_000


@pytest.mark.parametrize(
    "item",
    [
        {"id": LONG},
        {"type": LONG},
        {"content": [{"type": "input_text"}] * MOST_PARTS},
        {"content": [{"type": LONG}]},
        {"content": [{"text": LONG}]},
        {"type": "function_call", "arguments": LONG},
        {"type": "function_call", "call_id": LONG, "name": LONG},
        {"type": "function_call_output", "output": [{}] * 1000},
    ],
)
def test_an_item_is_at_least_as_large_as_all_that_is_kept_of_it(item):
    """Whatever it is made of counts towards what a conversation holds."""
    kept = client_item(item)
    texts = [kept.id, kept.type, *(kept.fields.values()), *(part.type for part in kept.parts), kept.text]
    assert kept.size >= sum(map(len, texts)) + 50 * len(kept.parts)


def test_what_a_call_has_is_text():
    """JSON in its place becomes its text, and what is nested too deeply is nothing."""
    deep = orjson.loads("[" * 500 + "]" * 500)
    item = client_item({"type": "function_call", "arguments": {"a": [1]}, "name": "look", "output": deep})
    assert item.fields == {"arguments": '{"a":[1]}', "name": "look", "output": None}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
_ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "id": _VALUES,
        "type": st.sampled_from(["message", "function_call"]) | _VALUES,
        "role": st.sampled_from(["user", "assistant", "system"]) | _VALUES,
        "content": _VALUES | st.lists(_VALUES | st.fixed_dictionaries({}, optional={"type": _VALUES, "text": _VALUES})),
        "arguments": _VALUES,
        "output": _VALUES,
    },
)
_EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(client_events._READERS)) | _VALUES},
    optional={
        "event_id": _VALUES,
        "item": _ITEMS | _VALUES,
        "item_id": _VALUES,
        "audio": _VALUES,
        "audio_end_ms": _VALUES,
        "content_index": _VALUES,
        "previous_item_id": _VALUES,
        "session": _VALUES,
        "response": _VALUES | st.fixed_dictionaries({}, optional={"input": st.lists(_ITEMS), "metadata": _VALUES}),
    },
)


@given(_EVENTS.map(json.dumps) | _VALUES.map(json.dumps) | st.text() | st.binary())
def test_every_message_is_an_event_or_is_refused(message):
    """Nothing else is raised, and an item that came of it can be shown and kept."""
    try:
        event, event_id = parse(message)
    except InvalidEvent as error:
        told, event_id = [error.message], error.event_id
    else:
        told = [event.item, event.item.shown()] if isinstance(event, CreateItem) else []
    assert orjson.dumps(told)
    assert event_id is None or len(event_id) <= MOST_NAME
