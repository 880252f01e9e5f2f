"""What the engines that ask a server have in common: the connection, and as many workers as requests at once."""

import asyncio
import random
from collections.abc import Sequence
from typing import Protocol

import aiohttp

from viva.errors import InvalidRequest, StageUnavailable, VivaError
from viva.service.upstream import Upstream, client_session
from viva_asr.engine import Options
from viva_asr.segmenter import Speech
from viva_asr.transcript import Hypothesis

DEFAULT_WORKERS = 4
_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


class Recognise(Protocol):
    """Asks the server about one stretch of speech."""

    async def __call__(self, speech: Speech, options: Options) -> Hypothesis: ...


class RemoteWorker:
    """One request at a time; cancelling it closes the connection, which ends the work on the server."""

    batch_size = 1

    def __init__(self, recognise: Recognise, settings: str, *, reserved: bool) -> None:
        self.reserved = reserved
        self._recognise = recognise
        self._settings = settings

    async def transcribe(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        """Ask about each stretch in turn. Raises StageUnavailable or another error that names the stage."""
        try:
            return [await self._patiently(speech, options) for speech in batch]
        except InvalidRequest as error:
            # Our request to the server was built here, so that refusal is no mistake of our caller's.
            raise StageUnavailable(
                "asr", f"The transcription server refused the request; check its URL and model ({self._settings})."
            ) from error

    async def settle(self) -> None:
        """Nothing goes on here after a cancellation."""

    async def _patiently(self, speech: Speech, options: Options) -> Hypothesis:
        """Ask, and once more after a pause: one hiccup must not cost a lecture that is nearly done."""
        try:
            return await self._recognise(speech, options)
        except VivaError as error:
            if not error.retryable:
                raise
            pause_s = min(error.retry_after_s or _PAUSE_S, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * random.uniform(1, 1.5))
            return await self._recognise(speech, options)


def make_workers(recognise: Recognise, count: int, *settings: str) -> list[RemoteWorker]:
    """Return `count` workers (0: the default number), and one more that is kept for interactive requests.

    `settings` are the names of those that say where the server is and what it is asked for.
    """
    named = ", ".join(settings)
    ordinary = [RemoteWorker(recognise, named, reserved=False) for _ in range(count or DEFAULT_WORKERS)]
    return [RemoteWorker(recognise, named, reserved=True), *ordinary]


class Connection:
    """An upstream that is opened in `start` and closed in `close`."""

    def __init__(self, url: str, api_key: str | None, timeout_s: float) -> None:
        self._url = url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self.upstream: Upstream | None = None

    def open(self) -> None:
        """Make the client session; needs a running event loop."""
        self._session = client_session()
        self.upstream = Upstream(
            "asr",
            self._url,
            self._session,
            api_key=self._api_key,
            first_byte_s=self._timeout_s,
            between_s=self._timeout_s,
        )

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
