"""Trying again while a stage is down: with growing, jittered pauses, for a bounded time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prometheus_client import Counter

from viva.errors import VivaError

Result = TypeVar("Result")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0


class Patience:
    """How long failures have gone on without a success, shared by all calls of one transcription."""

    def __init__(self, limit_s: float, retries: Counter, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._limit_s = limit_s
        self._retries = retries
        self._first_pause_s = first_pause_s
        self._last_success = time.monotonic()

    async def keep_trying(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `call`, made again after each retryable `VivaError`.

        Other errors pass at once; a retryable one passes once nothing has succeeded for `limit_s` seconds.
        """
        pause_s = self._first_pause_s
        while True:
            try:
                result = await call()
            except VivaError as error:
                if not error.retryable or self._exhausted():
                    raise
                self._retries.labels(error.code).inc()
                await asyncio.sleep(max(error.retry_after_s or 0.0, pause_s * random.uniform(0.5, 1.5)))
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                self._last_success = time.monotonic()
                return result

    def _exhausted(self) -> bool:
        return time.monotonic() - self._last_success >= self._limit_s
