"""Why a service could not start, in its own words: read from the end of its log."""

import ast
import json
import re
from collections.abc import Iterable

EXIT_STATUS = 3
"""With which a service ends that cannot start (viva.service.serve)."""

_EVENT = "cannot start"
_TEXT = re.compile(_EVENT + r"\s+code=(?P<code>\w+)\s+reason=(?P<reason>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)")


def last_words(lines: Iterable[str]) -> tuple[str, str] | None:
    """Code and sentence of the last failed start in `lines` of either log format; None where none says why."""
    for line in reversed(list(lines)):
        if found := _in_json(line) if line.startswith("{") else _in_text(line):
            return found
    return None


def _in_json(line: str) -> tuple[str, str] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    if said.get("event") != _EVENT or "code" not in said or "reason" not in said:
        return None
    return str(said["code"]), str(said["reason"])


def _in_text(line: str) -> tuple[str, str] | None:
    match = _TEXT.search(line)
    if match is None:
        return None
    reason = match["reason"]
    return match["code"], ast.literal_eval(reason) if reason[0] in "'\"" else reason
