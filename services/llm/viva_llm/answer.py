"""What a backend yields: an answer in pieces, one item type for every backend."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the backend counts them; a backend without a tokenizer counts words."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    """Prompt tokens that the backend's prefix cache held; None where it does not say."""

    def body(self) -> dict:
        """The `usage` object of the OpenAI API."""
        body = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }
        if self.cached_tokens is not None:
            body["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        return body


class Delta(NamedTuple):
    """One piece of an answer. A NamedTuple, because one is made per token.

    A whole answer is any number of texts, then exactly one finish reason (`stop`, `length` or
    `content_filter`), then at most one usage. An iterator that ends without the reason was cut.
    """

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
