"""The stages between sentences and bytes. Each is an async generator; closing the last one stops the first."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from viva.audio import Encoder
from viva.errors import DeadlineExceeded
from viva_tts.bridge import Bridge
from viva_tts.cache import Phrase, PhraseCache
from viva_tts.engine import Engine, Pcm
from viva_tts.metrics import TTSMetrics

Item = TypeVar("Item")
_END = object()
# Pieces made ahead of the one that is being sent; a piece is what an engine gives at once, a sentence at most.
_AHEAD = 2
# Encoded at once: at first little, for an early first byte, then ever more, since each hop to a thread costs.
_FIRST_BLOCK_S = 0.1
_GROWTH = 4
_LARGEST_BLOCK_S = 4.0
# A last piece of at most so much is one block: all of it as MP3 takes some 7 ms of CPU, its first bytes 3.
_AT_ONCE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error on its way through a queue."""

    error: Exception


class Voicing:
    """Turns sentences into audio with one engine, through the cache."""

    def __init__(self, engine: Engine, cache: PhraseCache, metrics: TTSMetrics, sentence_timeout_s: float) -> None:
        self.engine = engine
        self.cache = cache
        self._metrics = metrics
        self._timeout_s = sentence_timeout_s

    async def spoken(self, sentences: Sequence[str], voice: str, speed: float, due: float) -> AsyncGenerator[Pcm]:
        """The audio of the sentences, in order; the first is needed at `due`, each other when those before it end."""
        for sentence in sentences:
            phrase = Phrase(self.engine.name, voice, speed, sentence)
            async with aclosing(self._sentence(phrase, due)) as pieces:
                async for piece in pieces:
                    due += piece.duration_s
                    yield piece

    async def _sentence(self, phrase: Phrase, due: float) -> AsyncGenerator[Pcm]:
        kept = self.cache.get(phrase)
        self._metrics.cache.labels("hit" if kept else "miss").inc()
        if kept:
            yield kept
            return
        made: list[Pcm] = []
        made_anew = self.engine.synthesize(phrase.text, phrase.voice, phrase.speed, due)
        async with aclosing(made_anew) as pieces:
            while (piece := await self._within_time(pieces)) is not None:
                made.append(piece)
                yield piece
        if made:
            self.cache.put(phrase, Pcm(b"".join(piece.data for piece in made), made[0].rate_hz))
            self._metrics.cache_bytes.set(self.cache.bytes)

    async def _within_time(self, pieces: AsyncGenerator[Pcm]) -> Pcm | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await anext(pieces, None)
        except TimeoutError as error:
            message = "The voice did not speak in time; try again."
            raise DeadlineExceeded(message, code="tts_timeout") from error


async def ahead(source: AsyncGenerator[Item], count: int = _AHEAD) -> AsyncGenerator[tuple[Item, bool]]:
    """The items of `source`, of which up to `count` are made while the reader is busy with the one before.

    With each comes whether it is the last, as far as is known without waiting for the source.
    """
    queue: asyncio.Queue = asyncio.Queue(count)
    left: int | None = None  # items that the reader has not got yet, once the source has ended

    async def fill() -> None:
        nonlocal left
        try:
            async with aclosing(source):
                async for item in source:
                    await queue.put(item)
            left = queue.qsize()
        except Exception as error:  # raised again where the items are read
            await queue.put(_Failure(error))
        await queue.put(_END)

    filling = asyncio.create_task(fill())
    try:
        while (item := await queue.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            left = None if left is None else left - 1
            yield item, left == 0
    finally:
        filling.cancel()
        await asyncio.wait({filling})


async def encoded(
    source: AsyncGenerator[tuple[Pcm, bool]], audio_format: str, rate_hz: int, bridge: Bridge, due: float
) -> AsyncGenerator[bytes]:
    """The audio as one file of `audio_format` at `rate_hz`; never an empty chunk, and nothing at all without audio.

    With each piece of the source comes whether it is known to be the last: the file is ended with its last block then,
    since each hop to a thread waits for a core on a busy machine.
    """
    encoder: Encoder | None = None
    ended = False
    async with aclosing(source):
        async for piece, last in source:
            for block, is_end in _blocks(piece, first=encoder is None, last=last):
                if encoder is None:
                    encoder, chunk = await bridge.run(
                        _begin, audio_format, piece.rate_hz, rate_hz, block, is_end, due=due
                    )
                else:
                    chunk = await bridge.run(_fed, encoder, block, is_end, due=due)
                ended = is_end
                due += len(block) / 2 / piece.rate_hz
                if chunk:
                    yield chunk
    if encoder is not None and not ended and (rest := await bridge.run(encoder.flush, due=due)):
        yield rest


def _begin(audio_format: str, piece_rate_hz: int, rate_hz: int, block: bytes, is_end: bool) -> tuple[Encoder, bytes]:
    encoder = Encoder(audio_format, piece_rate_hz, rate_hz)
    return encoder, _fed(encoder, block, is_end)


def _fed(encoder: Encoder, block: bytes, is_end: bool) -> bytes:
    return encoder.feed(block) + (encoder.flush() if is_end else b"")


def _blocks(piece: Pcm, *, first: bool, last: bool) -> Iterator[tuple[bytes, bool]]:
    """The piece cut for the encoder, each block longer than the one before; with the end of a last piece, True."""
    block_s = _FIRST_BLOCK_S if first else _FIRST_BLOCK_S * _GROWTH
    if last and piece.duration_s <= _AT_ONCE_S:
        block_s = _AT_ONCE_S
    start = 0
    while start < len(piece.data):
        end = start + round(piece.rate_hz * block_s) * 2
        yield piece.data[start:end], last and end >= len(piece.data)
        start, block_s = end, min(_GROWTH * block_s, _LARGEST_BLOCK_S)
