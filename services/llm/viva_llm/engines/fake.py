"""Answers with a set text at a set speed, and says that it is fake: for tests and for measuring the machinery."""

import asyncio
from collections.abc import AsyncGenerator

from viva_llm.answer import Delta
from viva_llm.backend_list import BackendSpec
from viva_llm.chat import Chat
from viva_llm.engines.pieces import deltas_of
from viva_llm.settings import LLMSettings


class FakeBackend:
    """One word is one token. Times are kept to a schedule, so that late wake-ups do not add up."""

    kind = "fake"
    model = "fake"
    hears = True

    def __init__(self, spec: BackendSpec, settings: LLMSettings) -> None:
        self.name = spec.name
        self._text = settings.fake_text
        self._first_token_s = settings.fake_first_token_ms / 1000
        self._token_s = 1 / settings.fake_tokens_per_s if settings.fake_tokens_per_s else 0.0

    async def start(self) -> None:
        """Needs nothing."""

    async def close(self) -> None:
        """Holds nothing."""

    async def probe(self) -> None:
        """Can always serve."""

    async def stream(self, chat: Chat) -> AsyncGenerator[Delta]:
        """The set text, word by word."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._first_token_s
        for delta in deltas_of(self._text, chat):
            if delta.text:
                await asyncio.sleep(max(0.0, due - clock()))
                due += self._token_s
            yield delta
