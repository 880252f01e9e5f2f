"""ahead: items are made in advance, but only so many, and the source ends with its reader."""

import asyncio
from contextlib import aclosing

import pytest

from viva_tts.stages import ahead


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
    assert [item async for item in ahead(Source(9).items())] == list(range(9))


async def test_only_so_many_are_made_in_advance():
    """With one item read, the source has made as many as the queue holds, and one that waits to get in."""
    source = Source(50)
    async with aclosing(ahead(source.items(), 2)) as items:
        assert await anext(items) == 0
        await settle()
        assert source.made == 4
    assert source.closed


async def test_an_error_comes_after_the_items_before_it():
    """What was made is still read; then the error."""
    items = ahead(Source(3, LookupError()).items())
    assert [await anext(items) for _ in range(3)] == [0, 1, 2]
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
