"""Waiting for the items of a stream."""

import asyncio

import pytest

from viva_llm.patience import Patience


async def stream(*items, then_hang: bool = False):
    """These items at once; then the end, or nothing ever."""
    for item in items:
        yield item
    if then_hang:
        await asyncio.Event().wait()


async def test_items_then_none():
    """Items come as they are, and None says that there are no more."""
    patience, items = Patience(60), stream(1, 2)
    assert [await patience.next_of(items) for _ in range(3)] == [1, 2, None]
    patience.close()


async def test_wait_ends_with_a_timeout():
    """A wait that lasts too long ends the stream and leaves the task uncancelled."""
    patience, items = Patience(0.05), stream(1, then_hang=True)
    assert await patience.next_of(items) == 1
    with pytest.raises(TimeoutError):
        await patience.next_of(items)
    assert asyncio.current_task().cancelling() == 0
    assert await anext(items, "closed") == "closed"


async def test_slow_reader_is_no_timeout():
    """Only waiting counts: a reader may take its time between two items."""
    patience, items = Patience(0.02), stream(1, 2)
    assert await patience.next_of(items) == 1
    await asyncio.sleep(0.1)
    assert await patience.next_of(items) == 2
    patience.close()


async def test_cancellation_from_outside_stays_one():
    """A task that somebody else cancels sees a cancellation, not a timeout."""
    patience, started = Patience(60), asyncio.Event()

    async def wait() -> None:
        started.set()
        await patience.next_of(stream(then_hang=True))

    task = asyncio.create_task(wait())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patience.close()


async def test_closed_patience_leaves_no_timer():
    """Nothing is cancelled after the stream is done with."""
    patience = Patience(0.01)
    patience.close()
    waiting = asyncio.create_task(patience.next_of(stream(then_hang=True)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
