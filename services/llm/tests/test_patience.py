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


async def read(items, limit_s: float, pause_s: float = 0.0) -> list:
    """All items, with a pause after each."""
    seen = []
    with Patience(limit_s) as patience:
        async for item in items:
            patience.rest()
            seen.append(item)
            await asyncio.sleep(pause_s)
            patience.wait()
    return seen


async def test_items_come_as_they_are():
    """A stream that is quick enough is read to its end."""
    assert await read(stream(1, 2), 60) == [1, 2]


async def test_wait_ends_with_a_timeout():
    """A wait that lasts too long ends the stream and leaves the task uncancelled."""
    items = stream(1, then_hang=True)
    with pytest.raises(TimeoutError):
        await read(items, 0.05)
    assert asyncio.current_task().cancelling() == 0
    assert await anext(items, "closed") == "closed"


async def test_slow_reader_is_no_timeout():
    """Only waiting counts: a reader may take its time between two items."""
    assert await read(stream(1, 2), 0.02, pause_s=0.1) == [1, 2]


async def test_cancellation_from_outside_stays_one():
    """A task that somebody else cancels sees a cancellation, not a timeout."""
    started = asyncio.Event()

    async def hang():
        started.set()
        await asyncio.Event().wait()
        yield

    task = asyncio.create_task(read(hang(), 60))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_is_cancelled_afterwards():
    """What the task does after it has read the stream is its own business."""
    assert await read(stream(1), 0.01) == [1]
    await asyncio.sleep(0.05)
    assert asyncio.current_task().cancelling() == 0


async def test_other_errors_pass():
    """An error of the stream is the reader's to see."""

    async def broken():
        raise ConnectionError
        yield

    with pytest.raises(ConnectionError):
        await read(broken(), 60)
