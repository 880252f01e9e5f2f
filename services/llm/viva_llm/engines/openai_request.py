"""What is sent to an OpenAI-compatible server: built field by field, nothing passed through."""

from collections.abc import Callable
from functools import lru_cache

import orjson

from viva.text.special_tokens import without_special_tokens
from viva_llm.chat import Asked, Message

Clean = Callable[[str], str]

CHAT_PATH = "/chat/completions"
PROMPT_PATH = "/completions"

_NUMBERS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "max_tokens",
    "max_completion_tokens",
)


_LONG_CHARS = 2000


class Cleaner:
    """Takes special tokens out of texts, and remembers the last few long ones: the same lecture comes with every
    question, and looking through three hours of it holds up every other answer for more than a millisecond."""

    def __init__(self, remembered: int = 32) -> None:
        self._long = lru_cache(remembered)(without_special_tokens)

    def __call__(self, text: str) -> str:
        """The text without them."""
        return self._long(text) if len(text) >= _LONG_CHARS else without_special_tokens(text)


def upstream_request(asked: Asked, model: str, cleaned: Clean = without_special_tokens) -> tuple[str, bytes]:
    """The path and the body of the POST. Always a stream: only a stream can be timed token by token.

    The two names of the token limit stay as the client chose them, because some servers know only one of them.
    """
    body: dict[str, object] = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    if asked.is_prompt:
        path, body["prompt"] = PROMPT_PATH, cleaned(asked.text)
    else:
        path, body["messages"] = CHAT_PATH, [upstream_message(message, cleaned) for message in asked.messages]
    for name in _NUMBERS:
        if (value := getattr(asked.sampling, name)) is not None:
            body[name] = value
    if asked.sampling.stop:
        body["stop"] = list(asked.sampling.stop)
    if asked.user is not None:
        body["user"] = asked.user
    return path, orjson.dumps(body)


def upstream_message(message: Message, cleaned: Clean = without_special_tokens) -> dict[str, object]:
    """One message, without the tokens by which a text could end it and begin another."""
    if isinstance(message.content, str):
        return {"role": message.role, "content": cleaned(message.content)}
    return {"role": message.role, "content": [_part(part, cleaned) for part in message.content]}


def _part(part: dict[str, object], cleaned: Clean) -> dict[str, object]:
    if part["type"] == "text":
        return {"type": "text", "text": cleaned(str(part["text"]))}
    return part
