"""What the command line says of the server's errors."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from viva import errors
from viva.cli.sentences import sentence_of

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"\b(GET|POST|PUT|DELETE) /")


def raised_errors() -> Iterator[tuple[str, errors.VivaError]]:
    """Where an error of ours is made in the orchestrator, and the error with the words that stand there."""
    for path in (ROOT / "services/orchestrator/viva_orchestrator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            cls = getattr(errors, getattr(getattr(node, "func", None), "id", ""), None)
            if isinstance(node, ast.Call) and isinstance(cls, type):
                parts = [part for each in node.args for part in ast.walk(each) if isinstance(part, ast.Constant)]
                words = " ".join(str(part.value) for part in parts)
                said = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
                error = errors.InvalidRequest(words, code=said.get("code"), param=said.get("param"))
                yield f"{path.name}:{node.lineno}", error


def test_nobody_at_the_command_line_is_told_of_http_calls():
    """Whatever the server's message says to programs, the sentence names commands and options."""
    found = list(raised_errors())
    assert len(found) > 20
    assert CALL.search("Open one with POST /v1/sessions.")
    assert [where for where, error in found if CALL.search(sentence_of(error))] == []


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (errors.NotFound("m", code="session_not_found", param="session_id"), "--session"),
        (errors.NotFound("m", param="lecture_id"), "`viva lectures`"),
        (errors.NotFound("Not Found."), "Not Found."),
        (errors.Overloaded("Too much."), "Too much."),
    ],
)
def test_a_sentence_says_what_to_do_and_others_stay_as_they_are(error, part):
    """Where the server's own words are for people, they are kept."""
    assert part in sentence_of(error)
