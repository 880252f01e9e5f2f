"""Answers with a set text at a set speed, and says that it is fake: for tests and for measuring the machinery."""

import asyncio
from collections.abc import AsyncGenerator

from viva_llm.answer import Delta
from viva_llm.chat import Asked
from viva_llm.engines.in_process import InProcess
from viva_llm.engines.pieces import deltas_of
from viva_llm.settings import LLMSettings


class FakeEngine(InProcess):
    """One word is one token. Times are kept to a schedule, so that late wake-ups do not add up."""

    kind = "fake"
    hears = True
    completes = True

    def __init__(self, _backend: str, _url: str, settings: LLMSettings) -> None:
        self._text = settings.fake_text
        self._first_token_s = settings.fake_first_token_ms / 1000
        self._token_s = 1 / settings.fake_tokens_per_s if settings.fake_tokens_per_s else 0.0

    async def stream(self, asked: Asked, _model: str) -> AsyncGenerator[Delta]:
        """The set text, word by word."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._first_token_s
        for delta in deltas_of(self._text, asked):
            if delta.text:
                await asyncio.sleep(max(0.0, due - clock()))
                due += self._token_s
            yield delta
