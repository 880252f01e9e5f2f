"""What is sent to an OpenAI-compatible server: built field by field, nothing passed through."""

import orjson

from viva.text.special_tokens import without_special_tokens
from viva_llm.chat import Asked, Message

_NUMBERS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "max_tokens",
    "max_completion_tokens",
)


def upstream_request(asked: Asked, model: str) -> tuple[str, bytes]:
    """The path and the body of the POST. Always a stream: only a stream can be timed token by token.

    The two names of the token limit stay as the client chose them, because some servers know only one of them.
    """
    body: dict[str, object] = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    if asked.is_prompt:
        path, body["prompt"] = "/completions", without_special_tokens(asked.text)
    else:
        path, body["messages"] = "/chat/completions", [upstream_message(message) for message in asked.messages]
    for name in _NUMBERS:
        if (value := getattr(asked.sampling, name)) is not None:
            body[name] = value
    if asked.sampling.stop:
        body["stop"] = list(asked.sampling.stop)
    if asked.user is not None:
        body["user"] = asked.user
    return path, orjson.dumps(body)


def upstream_message(message: Message) -> dict[str, object]:
    """One message, without the tokens by which a text could end it and begin another."""
    if isinstance(message.content, str):
        return {"role": message.role, "content": without_special_tokens(message.content)}
    return {"role": message.role, "content": [_part(part) for part in message.content]}


def _part(part: dict[str, object]) -> dict[str, object]:
    if part["type"] == "text":
        return {"type": "text", "text": without_special_tokens(str(part["text"]))}
    return part
