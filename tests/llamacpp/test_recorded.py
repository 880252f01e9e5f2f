"""What is recorded of llama-cpp-python's server, for the plain tests, is what it still answers."""

import json
from pathlib import Path

import pytest

from .conftest import PATIENT, Router, events
from .record import record

RECORDED = Path(__file__).parents[2] / "services" / "llm" / "tests" / "recorded" / "llama-cpp-python.json"


@pytest.fixture(scope="module")
def now(router: Router) -> dict[str, dict]:
    """Its answers of today, to the same requests; the other server would break them off for the router's probes."""
    return record(router.servers[PATIENT].part.url)


BEFORE: dict[str, dict] = json.loads(RECORDED.read_text())["answers"]


@pytest.mark.parametrize("asked", BEFORE)
def test_each_answer_has_the_form_that_is_recorded(now: dict[str, dict], asked: str):
    """Status, content type, and every field and kind of value; words, numbers and ids may differ."""
    then, today = BEFORE[asked], now[asked]
    assert (today["status"], today["type"], forms(today)) == (then["status"], then["type"], forms(then))


def forms(answer: dict) -> list:
    """The form of a body, or each form that an event of a stream has, in their order."""
    if answer["type"] != "text/event-stream":
        return [form(json.loads(answer["body"]))]
    found: list = []
    for event in events(answer["body"]):
        if form(event) not in found:
            found.append(form(event))
    return found


def form(value: object) -> object:
    """The same with kinds of values in place of values; finish reasons and codes stay, since they are read."""
    if isinstance(value, dict):
        kept = ("finish_reason", "code", "type", "role", "object")
        return {name: part if name in kept else form(part) for name, part in value.items()}
    if isinstance(value, list):
        return [form(part) for part in value]
    return type(value).__name__ if value != "[DONE]" else value
