"""Answers by quoting the lecture: no model, no network, always there. The last resort of every list."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

from viva_llm.answer import Delta
from viva_llm.chat import Asked
from viva_llm.engines.in_process import InProcess
from viva_llm.engines.pieces import deltas_of
from viva_llm.extractive import Answerer
from viva_llm.failure import Failure, Reason
from viva_llm.settings import LLMSettings

# The whole answer is known at once: a few words an event keep the stream cheap and its text readable.
_WORDS_EACH = 6
# An answer is milliseconds of computing, but a long lecture that is new takes seconds: nobody else waits for it.
_THREADS = 4


class ExtractiveEngine(InProcess):
    """The answerer behind the one thread bridge of this service."""

    kind = "extractive"
    hears = False
    completes = False

    def __init__(self, _backend: str, _url: str, _settings: LLMSettings) -> None:
        self._answerer: Answerer | None = Answerer()
        self._thread: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Opens the thread."""
        self._thread = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="extractive")

    async def close(self) -> None:
        """Ends the thread; what waits for it is dropped, and so are the models, which are large."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._answerer = None

    async def stream(self, asked: Asked, _model: str) -> AsyncGenerator[Delta]:
        """The answer with its citation marks."""
        if self._answerer is None:
            raise Failure(Reason.NO_REPLICA, "it was closed")
        messages = [{"role": message.role, "content": message.text} for message in asked.messages]
        loop = asyncio.get_running_loop()
        text = str(await loop.run_in_executor(self._thread, self._answerer.answer, messages))
        for delta in deltas_of(text, asked, words_each=_WORDS_EACH):
            yield delta
