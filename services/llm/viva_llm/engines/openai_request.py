"""What is sent to an OpenAI-compatible server: built field by field from a chat, nothing passed through."""

import orjson

from viva.text.special_tokens import without_special_tokens
from viva_llm.chat import Chat, Message

_NUMBERS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "max_tokens",
    "max_completion_tokens",
)


def upstream_body(chat: Chat, model: str) -> bytes:
    """The body of POST /chat/completions. Always a stream: only a stream can be timed token by token.

    The two names of the token limit stay as the client chose them, because some servers know only one of them.
    """
    body: dict[str, object] = {
        "model": model,
        "messages": [_message(message) for message in chat.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    for name in _NUMBERS:
        if (value := getattr(chat.sampling, name)) is not None:
            body[name] = value
    if chat.sampling.stop:
        body["stop"] = list(chat.sampling.stop)
    if chat.user is not None:
        body["user"] = chat.user
    return orjson.dumps(body)


def _message(message: Message) -> dict[str, object]:
    if isinstance(message.content, str):
        return {"role": message.role, "content": without_special_tokens(message.content)}
    return {"role": message.role, "content": [_part(part) for part in message.content]}


def _part(part: dict[str, object]) -> dict[str, object]:
    if part["type"] == "text":
        return {"type": "text", "text": without_special_tokens(str(part["text"]))}
    return part
