"""The bodies of /tokenize and /v1/embeddings: what we take of a request, what goes upstream, what comes back."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from viva.text.special_tokens import without_special_tokens
from viva_llm.chat import Message
from viva_llm.engines.openai_request import upstream_message
from viva_llm.failure import Failure, Reason
from viva_llm.request_body import Messages, Placed

_MAX_INPUTS = 2048
_KEY_TOKENS = 1024
Token = Annotated[int, Field(ge=0, lt=2**31)]


class TokenizeRequest(Placed):
    """vLLM's request to count the tokens of a chat, with its template around it, or of a text."""

    messages: Messages | None = None
    prompt: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "TokenizeRequest":
        if (self.messages is None) == (self.prompt is None):
            raise ValueError("give messages or a prompt, one of the two")
        return self


def tokenize_body(asked: TokenizeRequest, messages: tuple[Message, ...], model: str) -> dict:
    """What is sent upstream."""
    if asked.prompt is not None:
        return {"model": model, "prompt": without_special_tokens(asked.prompt)}
    return {"model": model, "messages": [upstream_message(message) for message in messages]}


def tokenize_answer(answer: dict, max_model_len: int | None) -> dict:
    """What the client gets: the count and the model's context. Raises Failure for another server's /tokenize."""
    count, length = answer.get("count"), answer.get("max_model_len")
    if type(count) is not int:
        # llama.cpp has an address of the same name that knows no messages.
        raise Failure(Reason.NOT_SUPPORTED, "its /tokenize is not vLLM's")
    return {"count": count, "max_model_len": length if type(length) is int and length > 0 else max_model_len}


class EmbeddingRequest(Placed):
    """OpenAI's request for embeddings; other fields are ignored."""

    input: (
        str
        | Annotated[list[str], Field(min_length=1, max_length=_MAX_INPUTS)]
        | Annotated[list[Token], Field(min_length=1)]
        | Annotated[list[Annotated[list[Token], Field(min_length=1)]], Field(min_length=1, max_length=_MAX_INPUTS)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, ge=1, le=65_536)

    def _beginning(self) -> str:
        # Nothing is to be gained from a replica's cache; so they are spread.
        first = self.input if isinstance(self.input, str) else self.input[0]
        tokens = self.input if isinstance(first, int) else first
        return first if isinstance(first, str) else str(tokens[:_KEY_TOKENS])


def embedding_body(asked: EmbeddingRequest, model: str) -> dict:
    """What is sent upstream."""
    body: dict[str, object] = {"model": model, "input": asked.input}
    for name in ("encoding_format", "dimensions", "user"):
        if (value := getattr(asked, name)) is not None:
            body[name] = value
    return body


def embedding_answer(answer: dict, model: str) -> dict:
    """What the client gets. Raises Failure when it is no list of embeddings."""
    try:
        data = [
            {"object": "embedding", "index": entry["index"], "embedding": entry["embedding"]}
            for entry in answer["data"]
        ]
        tokens = (answer.get("usage") or {}).get("prompt_tokens", 0)
    except (AttributeError, KeyError, TypeError):
        raise Failure(Reason.BAD_STREAM, "it sent something that is no list of embeddings") from None
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
