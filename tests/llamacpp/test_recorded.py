"""What is recorded of the servers, for the plain tests, is what they still answer."""

import json
from pathlib import Path

import pytest

from .conftest import LLAMA_CPP, PATIENT, Router, events
from .record import record

FOLDER = Path(__file__).parents[2] / "services" / "llm" / "tests" / "recorded"
# The other server of llama-cpp-python would break its answers off for the router's probes.
RECORDED = {
    name: json.loads((FOLDER / f"{file}.json").read_text())["answers"]
    for name, file in {PATIENT: "llama-cpp-python", LLAMA_CPP: "llama.cpp"}.items()
}


@pytest.fixture(scope="module")
def today(router: Router) -> dict[str, dict[str, dict]]:
    """Their answers to the same requests."""
    return {name: record(router.servers[name].part.url) for name in RECORDED}


@pytest.mark.parametrize(("name", "asked"), [(name, asked) for name in RECORDED for asked in RECORDED[name]])
def test_each_answer_has_the_form_that_is_recorded(today: dict[str, dict[str, dict]], name: str, asked: str):
    """Status, content type, and every field and kind of value; words, numbers and ids may differ."""
    then, now = RECORDED[name][asked], today[name][asked]
    assert (now["status"], now["type"], forms(now)) == (then["status"], then["type"], forms(then))


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
