"""Bridge: blocking work off the event loop, bounded, and stopped with its caller."""

import asyncio
import contextlib
import os
import threading
from contextlib import aclosing

import pytest

from viva_tts.bridge import Bridge


@pytest.fixture
def bridge():
    """Two workers."""
    bridge = Bridge(2)
    yield bridge
    bridge.close()


async def test_functions_run_in_other_threads(bridge):
    """The event loop's thread does none of the work."""
    assert await bridge.run(threading.get_ident) != threading.get_ident()


async def test_no_more_than_its_workers_run_at_once(bridge):
    """The third function begins when one of two has ended."""
    begun, go = threading.Semaphore(0), threading.Event()

    def work():
        begun.release()
        go.wait(30)

    running = [asyncio.create_task(bridge.run(work)) for _ in range(3)]
    for _ in range(2):
        assert await asyncio.to_thread(begun.acquire, timeout=30)
    assert not await asyncio.to_thread(begun.acquire, timeout=0.05)
    go.set()
    await asyncio.gather(*running)
    assert begun.acquire(blocking=False)


async def test_items_are_made_as_they_are_asked_for(bridge):
    """A reader that leaves after one item has caused no other, and errors reach the reader."""
    made = []

    def items():
        for number in range(5):
            made.append(number)
            yield number

    async with aclosing(bridge.iterate(items())) as numbers:
        assert await anext(numbers) == 0
    assert made == [0]
    assert [item async for item in bridge.iterate(iter("ab"))] == ["a", "b"]

    def failing():
        raise LookupError
        yield

    with pytest.raises(LookupError):
        await anext(bridge.iterate(failing()))


async def test_a_program_gives_its_output(bridge):
    """The exit status and the output come back; a program that does not exist is an OSError."""
    finished = await bridge.program(["sh", "-c", "echo spoken; exit 3"])
    assert (finished.status, finished.stdout) == (3, b"spoken\n")
    with pytest.raises(OSError, match="no-such-program"):
        await bridge.program(["no-such-program"])


async def test_a_cancelled_program_is_killed(bridge, tmp_path):
    """When the caller leaves, the process is gone, and its place is free."""
    for _ in range(3):  # more often than there are places
        pid_file = tmp_path / "pid"
        os.mkfifo(pid_file)
        running = asyncio.create_task(bridge.program(["sh", "-c", f"echo $$ > {pid_file}; exec sleep 60"]))
        pid = int(await asyncio.to_thread(pid_file.read_text))
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        pid_file.unlink()
