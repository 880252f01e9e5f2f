"""docs/protocol.md lists every event on every transport, and none that there is not."""

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import get_args, get_type_hints

from viva import events
from viva.errors import VivaError
from viva_asr.streaming import frames
from viva_orchestrator.lectures.model import Status, Transcript
from viva_orchestrator.realtime import client_events, server_events
from viva_orchestrator.realtime.items import Item, Part
from viva_orchestrator.routes import lectures

ROOT = Path(__file__).parents[1]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
REALTIME = ROOT / "services" / "orchestrator" / "viva_orchestrator" / "realtime"
# What the makers of events are called with; a parameter of another kind wants a line here.
SAMPLES = {
    "str": "x",
    "str | None": None,
    "int": 1,
    "float": 1.0,
    "dict[str, Any]": {},
    "Item": Item("item_1", "user", (Part("input_text", "x"),)),
    "Part": Part("output_audio", "x"),
    "VivaError": VivaError("x"),
}
SPOKEN, WRITTEN = ("output_audio", "output_audio_transcript"), ("output_text",)


def section(title: str) -> str:
    """The part of the document below a heading, with the smaller headings below that."""
    heading = re.search(rf"^(#+) {re.escape(title)}$", PROTOCOL, re.MULTILINE)
    assert heading, f"no heading {title!r}"
    rest = PROTOCOL[heading.end() :]
    return re.split(rf"^#{{1,{len(heading[1])}}} ", rest, flags=re.MULTILINE)[0]


def listed(title: str, *, table: int = 0) -> set[str]:
    """What the first column of one of the section's tables names."""
    tables = re.findall(r"(?:^\|.*\n)+", section(title), re.MULTILINE)
    return set(re.findall(r"^\| `([a-z_.]+)` \|", tables[table], re.MULTILINE))


def made_by(maker: Callable) -> str:
    """The type of the event that a function makes."""
    return maker(*(SAMPLES[parameter.annotation] for parameter in positional(maker)))["type"]


def makers_of(module: ModuleType) -> list[Callable]:
    """The module's own public functions."""
    functions = inspect.getmembers(module, inspect.isfunction)
    return [made for name, made in functions if made.__module__ == module.__name__ and name[0] != "_"]


def positional(maker: Callable) -> list[inspect.Parameter]:
    parameters = inspect.signature(maker).parameters.values()
    return [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]


def realtime_events() -> set[str]:
    """The types of all that server_events makes."""
    makers = [made for made in makers_of(server_events) if made.__annotations__.get("return") == "Event"]
    part = server_events.PartEvents("resp_1", "item_1")
    of_parts = [part.item_added, part.item_done, part.part_added, part.part_done]
    kinds = {each for kind in SPOKEN + WRITTEN for each in (part.delta(kind, "x")["type"], part.done(kind)["type"])}
    return {made_by(maker) for maker in makers + of_parts} | kinds


def test_the_events_of_a_turn_are_listed():
    """Those of JSON lines and server-sent events."""
    types = {get_args(get_type_hints(cls)["type"])[0] for cls in get_args(events.Event)}
    assert listed("A turn") == types


def test_the_events_of_a_transcription_are_listed():
    """Those that follow its progress; how it can end is among a lecture's statuses."""
    source = inspect.getsource(lectures.event_stream)
    sent = set(re.findall(r'(?:_event\(|else )"([a-z]+)"', source))
    ends = {status for status in get_args(Status) if Transcript("lec_1", None, status, 0.0, 0.0, ()).finished}
    assert listed("A transcription") == sent | ends


def test_the_events_that_the_realtime_server_sends_are_listed():
    """A client that knows the table is never surprised."""
    sent = realtime_events()
    assert len(sent) > 25
    assert listed("From the server") == sent


def test_realtime_events_are_made_in_one_place():
    """So that the test above sees all of them."""
    for path in REALTIME.glob("*.py"):
        if path.name not in ("server_events.py", "client_events.py"):
            assert not re.search(r'"type": f?"(error|[a-z_]+\.[a-z_.{}]+)"', path.read_text()), path.name


def test_the_events_that_the_realtime_server_takes_are_listed():
    """And no others are promised."""
    assert listed("From the client") == set(client_events._READERS)


def test_the_frames_of_the_recognisers_stream_are_listed():
    """In both directions."""
    taken = {get_args(cls.model_fields["type"].annotation)[0] for cls in get_args(frames.Frame)}
    assert listed("Listening to somebody who speaks") == taken
    makers = [made for made in makers_of(frames) if made.__annotations__.get("return") is str]
    sent = set()
    for maker in makers:
        text = maker(*(SAMPLES[parameter.annotation.__name__] for parameter in positional(maker)))
        sent.add(json.loads(text)["type"])
    assert len(sent) > 3
    assert listed("Listening to somebody who speaks", table=1) == sent
