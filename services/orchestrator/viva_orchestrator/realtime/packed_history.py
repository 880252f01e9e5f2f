"""A conversation that a client has packed into one message.

pipecat brings an earlier conversation as a single user message: a paragraph about it, the messages as a JSON list of
`{"role", "content"}`, and another paragraph. Taken as it is, all of that would be the question.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

from viva_orchestrator.realtime.items import Item, Part, new_item_id

Said = tuple[Literal["user", "assistant", "system"], str]

_SAID_BY = ("user", "assistant", "system")
_BETWEEN_PARAGRAPHS = "\n\n"


def items_in(item: Item) -> list[Item]:
    """The items that one of a client's stands for: mostly itself, else the messages in it; the last has its id."""
    said = unpack(item.text) if item.role == "user" else None
    if not said:
        return [item]
    *earlier, (role, words) = said
    items = [Item(new_item_id(), role, (_part(role, words),)) for role, words in earlier]
    return [*items, replace(item, role=role, parts=(_part(role, words),))]


def _part(role: str, words: str) -> Part:
    return Part("output_text" if role == "assistant" else "input_text", words)


def unpack(text: str) -> list[Said] | None:
    """Who said what, oldest first; None for a message that is just one."""
    for paragraph in text.split(f"{_BETWEEN_PARAGRAPHS}[")[1:]:
        try:
            messages, _ = json.JSONDecoder().raw_decode(f"[{paragraph}")
        except (ValueError, RecursionError):
            continue
        if messages and all(map(_is_message, messages)):
            said = [(message["role"], _words(message.get("content"))) for message in messages]
            return [(role, words) for role, words in said if role in _SAID_BY and words]
    return None


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str) and "content" in message


def _words(content: Any) -> str:
    """The text of a message, which may be a list of parts."""
    if isinstance(content, str):
        return content.strip()
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return " ".join(texts).strip()
