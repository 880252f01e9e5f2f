"""One recording on its way through: PCM in, segments out, in order, never holding more than a window of it."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import replace

from viva_asr.engine import Options
from viva_asr.scheduler import Ticket
from viva_asr.segmenter import Speech, SpeechSegmenter
from viva_asr.transcript import Hypothesis, Segment

_End = Exception | None
_Pending = tuple[Speech, "asyncio.Future[Hypothesis]"]


class Transcription:
    """Cuts a stream of PCM into speech while it is being decoded, and has the stretches recognised side by side."""

    def __init__(self, segmenter: SpeechSegmenter, ticket: Ticket, options: Options, executor: Executor) -> None:
        self._segmenter = segmenter
        self._ticket = ticket
        self._options = options
        self._executor = executor
        # What waits for its turn to be given out. Being bounded, it stops the decoder when recognition falls behind.
        self._pending: asyncio.Queue[_Pending | _End] = asyncio.Queue(maxsize=ticket.window)
        self.language: str | None = options.language
        """The language asked for, or else the first that the engine was sure of."""

    async def segments(self, blocks: AsyncIterator[bytes]) -> AsyncIterator[Segment]:
        """Take s16le mono PCM at 16 kHz; yield the segments in the order of the recording."""
        cutter = asyncio.create_task(self._cut(blocks))
        try:
            while isinstance(item := await self._pending.get(), tuple):
                speech, result = item
                hypothesis = await result
                self._learn_language(hypothesis)
                for segment in hypothesis.segments:
                    if segment.text:
                        yield segment.shifted(speech.start_s)
                self._ticket.progress(speech.end_s)
            if item is not None:
                raise item
        finally:
            cutter.cancel()
            await asyncio.gather(cutter, return_exceptions=True)
            self._drop_pending()

    async def _cut(self, blocks: AsyncIterator[bytes]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async for block in blocks:
                await self._submit(await loop.run_in_executor(self._executor, self._segmenter.feed, block))
            # One window at most is left to be listened to: less than a way to a thread and back.
            await self._submit(self._segmenter.flush())
        except Exception as error:  # handed to the reader, who raises it
            await self._pending.put(error)
        else:
            await self._pending.put(None)
        finally:
            await _close(blocks)

    async def _submit(self, stretches: list[Speech]) -> None:
        for speech in stretches:
            options = replace(self._options, language=self.language)
            result = self._ticket.submit(speech, options)
            try:
                await self._pending.put((speech, result))
            except asyncio.CancelledError:
                result.cancel()
                raise

    def _learn_language(self, hypothesis: Hypothesis) -> None:
        # One recording, one language: later segments are not left to guess again.
        if self.language is None:
            self.language = hypothesis.language

    def _drop_pending(self) -> None:
        while not self._pending.empty():
            item = self._pending.get_nowait()
            if isinstance(item, tuple):
                _, result = item
                if not result.cancel() and not result.cancelled():
                    result.exception()  # seen, so that asyncio does not report it as forgotten


async def _close(blocks: AsyncIterator[bytes]) -> None:
    """End the decoder's work at once rather than when the garbage is collected."""
    aclose = getattr(blocks, "aclose", None)
    if aclose is not None:
        await aclose()
