"""What of a session that a client asks for is kept: known fields alone, each within a bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

# What clients may set and read back, and what is not applied: answers are held to the lecture.
ECHOED = (
    "instructions",
    "tools",
    "tracing",
    "prompt",
    "include",
    "truncation",
    "max_output_tokens",
    "reasoning",
)
_AS_THEY_ARE = ECHOED[1:]
MOST_BYTES = 100_000
"""Of the instructions, and of the tools as JSON: a session is told in one event, for which clients have 1 MiB."""
_SMALL = 10_000
"""Bytes of JSON of any other field that is only echoed."""
_CONTAINERS = 5_000
"""Lists and objects in one such field: empty ones take much more memory than their JSON."""
_WORDS = 2_000
"""Characters of any other text."""

_AUDIO: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "input": {
        "format": ("type", "rate"),
        "transcription": ("model", "language", "prompt"),
        "noise_reduction": ("type",),
        "turn_detection": (
            "type",
            "threshold",
            "prefix_padding_ms",
            "silence_duration_ms",
            "eagerness",
            "create_response",
            "interrupt_response",
        ),
    },
    "output": {"format": ("type", "rate"), "voice": ("id",), "speed": ()},
}


def known_fields(session: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that mean something. What is no value for them is left out, and what is too long is cut or left out.

    What it returns is less than 1 MiB of JSON, however often it is merged into what was there.
    """
    kept = {name: session[name] for name in _AS_THEY_ARE if name in session and _fits(session[name], name)}
    if isinstance(instructions := session.get("instructions", 0), str | None):
        kept["instructions"] = instructions and instructions.encode()[:MOST_BYTES].decode(errors="ignore")
    for name in ("model", "tool_choice"):
        if name in session:
            kept[name] = session[name][:_WORDS] if isinstance(session[name], str) else None
    if "output_modalities" in session:
        kept["output_modalities"] = ["text"] if session["output_modalities"] == ["text"] else ["audio"]
    if isinstance(audio := session.get("audio"), dict):
        kept["audio"] = {
            side: _known_of(audio[side], fields) for side, fields in _AUDIO.items() if isinstance(audio.get(side), dict)
        }
    return kept


def _known_of(given: Mapping[str, Any], fields: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    kept = {}
    for name, inner in fields.items():
        value = given.get(name)
        if inner and isinstance(value, dict):
            kept[name] = {key: _cut(value[key]) for key in inner if _is_plain(value.get(key)) and key in value}
        elif name in given and _is_plain(value):
            kept[name] = _cut(value)
    return kept


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | None)


def _cut(value: Any) -> Any:
    return value[:_WORDS] if isinstance(value, str) else value


def _fits(value: Any, name: str) -> bool:
    try:
        data = orjson.dumps([[[[[value]]]]])  # as deep as it will be in an event
    except orjson.JSONEncodeError:
        return False
    containers = data.count(b"{") + data.count(b"[")
    return len(data) <= (MOST_BYTES if name == "tools" else _SMALL) and containers <= _CONTAINERS
