"""A conversation that a client has packed into one message.

pipecat brings an earlier conversation as a single user message: a paragraph about it, the messages as a JSON list of
`{"role", "content"}`, and another paragraph. Taken as it is, all of that would be the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import orjson

from viva_orchestrator.realtime.items import Item, Part, new_item_id

Said = tuple[Literal["user", "assistant", "system"], str]

_SAID_BY = ("user", "assistant", "system")
_BETWEEN_PARAGRAPHS = "\n\n"

# What is looked at holds up every other connection meanwhile.
MOST_CHARACTERS = 250_000
"""Of a message: a longer one is just one, and too long to be a question."""
MOST_LISTS = 4
"""Paragraphs of a message that may be lists: what is brought comes after the first."""
MOST_MESSAGES = 500
"""The newest so many are kept."""


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
    for paragraph in _lists(text):
        try:
            messages = orjson.loads(paragraph)
        except orjson.JSONDecodeError:
            continue  # half of a surrogate pair is wrong, too: nobody could write it again
        if messages and all(map(_is_message, messages)):
            newest = messages[-MOST_MESSAGES:]
            said = [(message["role"], _words(message.get("content"))) for message in newest]
            return [(role, words) for role, words in said if role in _SAID_BY and words]
    return None


def _lists(text: str) -> Iterator[str]:
    """The first paragraphs that may be lists. JSON has no empty line in it, however it is written."""
    if len(text) > MOST_CHARACTERS:
        return
    end = 0
    for _ in range(MOST_LISTS):
        start = text.find(f"{_BETWEEN_PARAGRAPHS}[", end)
        if start < 0:
            return
        start += len(_BETWEEN_PARAGRAPHS)
        end = text.find(_BETWEEN_PARAGRAPHS, start)
        end = len(text) if end < 0 else end
        yield text[start:end]


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str) and "content" in message


def _words(content: Any) -> str:
    """The text of a message, which may be a list of parts."""
    if isinstance(content, str):
        return content.strip()
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return " ".join(texts).strip()
