"""Cuts a text that is already whole into the deltas of an answer, as a model server would have limited it."""

import re
from collections.abc import Iterator

from viva_llm.answer import Delta, Usage
from viva_llm.chat import Asked

_WORD = re.compile(r"\s*\S+|\s+$")


def deltas_of(text: str, asked: Asked, *, words_each: int = 1) -> Iterator[Delta]:
    """The text in deltas of `words_each` words; a word counts as a token.

    Ends before the first stop sequence, and after the token limit with the reason `length`.
    """
    cuts = [at for stop in asked.sampling.stop if (at := text.find(stop)) >= 0]
    words = _WORD.findall(text[: min(cuts, default=len(text))])
    limit = asked.sampling.limit
    kept = words if limit is None else words[:limit]
    for start in range(0, len(kept), words_each):
        yield Delta("".join(kept[start : start + words_each]))
    reason = "stop" if len(kept) == len(words) else "length"
    yield Delta(finish_reason=reason)
    prompt_words = sum(len(message.text.split()) for message in asked.messages)
    yield Delta(usage=Usage(prompt_words, len(kept)))
