"""ahead: items are made in advance, but only so many, and the source ends with its reader. encoded: in few steps."""

import asyncio
from contextlib import aclosing

import pytest

from viva_tts.bridge import Bridge
from viva_tts.engine import Pcm
from viva_tts.stages import ahead, encoded

from .sound import hear, hear_pcm, tone


class Source:
    """Counts what it makes."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.made = 0
        self.closed = False
        self._count, self._error = count, error

    async def items(self):
        try:
            for number in range(self._count):
                self.made += 1
                yield number
            if self._error:
                raise self._error
        finally:
            self.closed = True


async def settle():
    """Lets every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_items_come_in_order():
    """All of them, and then the end."""
    assert [item async for item, _ in ahead(Source(9).items())] == list(range(9))


async def test_the_last_item_is_known_as_such_when_the_source_has_ended():
    """One item and the end: the reader need not ask again. While the source still works, nobody can know."""
    assert [pair async for pair in ahead(Source(1).items())] == [(0, True)]
    assert [pair async for pair in ahead(Source(4).items())] == [(0, False), (1, False), (2, False), (3, True)]
    more = asyncio.Event()

    async def slow():
        yield "first"
        await more.wait()

    async with aclosing(ahead(slow())) as items:
        assert await anext(items) == ("first", False)
        more.set()
        assert await anext(items, None) is None


async def test_only_so_many_are_made_in_advance():
    """With one item read, the source has made as many as the queue holds, and one that waits to get in."""
    source = Source(50)
    async with aclosing(ahead(source.items(), 2)) as items:
        assert await anext(items) == (0, False)
        await settle()
        assert source.made == 4
    assert source.closed


async def test_an_error_comes_after_the_items_before_it():
    """What was made is still read; then the error."""
    items = ahead(Source(3, LookupError()).items())
    assert [await anext(items) for _ in range(3)] == [(0, False), (1, False), (2, False)]
    with pytest.raises(LookupError):
        await anext(items)


async def test_a_cancelled_reader_ends_the_source():
    """A reader that is cancelled while it waits leaves nothing running."""
    closed = asyncio.Event()

    async def endless():
        try:
            await asyncio.Event().wait()
            yield
        finally:
            closed.set()

    reading = asyncio.create_task(anext(ahead(endless())))
    await settle()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert closed.is_set()


class CountingBridge(Bridge):
    """Counts the hops to its threads."""

    hops = 0

    async def run(self, function, *arguments, due=0.0):
        self.hops += 1
        return await super().run(function, *arguments, due=due)


def spoken(seconds: float) -> Pcm:
    """So much of a tone at 16 kHz."""
    return Pcm(tone(seconds, 16_000), 16_000)


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
@pytest.mark.parametrize(
    ("pieces", "hops"),
    [
        ([(spoken(1.5), True)], 1),
        ([(spoken(1.5), False)], 4),  # 0.1, 0.4 and 1 s, and the end of the file
        ([(spoken(6.0), True)], 4),  # 0.1, 0.4, 1.6 and 3.9 s
        ([(spoken(3.0), False), (spoken(1.0), True)], 5),
    ],
    ids=["short", "short, perhaps not the last", "long", "short behind another"],
)
async def test_a_piece_known_to_be_the_last_takes_fewer_steps(audio_format, pieces, hops):
    """A short one is begun, encoded and ended in one; whatever the steps, all of the audio is in the file."""

    async def source():
        for piece in pieces:
            yield piece

    bridge = CountingBridge(2)
    data = b"".join([chunk async for chunk in encoded(source(), audio_format, 24_000, bridge, 0.0)])
    bridge.close()
    assert bridge.hops == hops
    heard = hear_pcm(data, 24_000) if audio_format == "pcm" else hear(data)
    assert heard.duration_s == pytest.approx(
        sum(piece.duration_s for piece, _ in pieces), abs=0.005 if audio_format in ("pcm", "wav", "flac") else 0.12
    )
