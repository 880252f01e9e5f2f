"""Bridge: blocking work off the event loop, bounded, and stopped with its caller."""

import asyncio
import contextlib
import os
import threading
import time
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


async def test_whose_audio_is_needed_first_is_next(bridge):
    """Functions and programs wait in one line, which is in the order of their due times."""
    go, order = threading.Event(), []
    busy = [asyncio.create_task(bridge.run(go.wait, 30)) for _ in range(2)]
    await asyncio.sleep(0)

    async def note(name, work):
        await work
        order.append(name)

    program = bridge.program(["true"], due=2.0)
    waiting = [
        asyncio.create_task(note("late", bridge.run(int, due=3.0))),
        asyncio.create_task(note("program", program)),
        asyncio.create_task(note("first", bridge.run(int, due=1.0))),
    ]
    await asyncio.sleep(0)
    blocker = threading.Event()
    busy.append(asyncio.create_task(bridge.run(blocker.wait, 30, due=0.0)))  # leaves one place to the three
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*waiting)
    blocker.set()
    await asyncio.gather(*busy)
    assert order == ["first", "program", "late"]


async def test_nobody_waits_for_those_who_come_much_later(bridge, monkeypatch):
    """What is needed in an hour is passed over for some seconds only."""
    monkeypatch.setattr("viva_tts.bridge.MOST_AHEAD_S", 0.0)
    go, order = threading.Event(), []
    busy = [asyncio.create_task(bridge.run(go.wait, 30)) for _ in range(2)]
    await asyncio.sleep(0)
    hour = asyncio.create_task(bridge.run(order.append, "in an hour", due=time.monotonic() + 3600))
    await asyncio.sleep(0)
    later = asyncio.create_task(bridge.run(order.append, "later", due=time.monotonic() + 60))
    await asyncio.sleep(0)
    busy.append(asyncio.create_task(bridge.run(time.sleep, 0, due=0.0)))
    go.set()
    await asyncio.gather(hour, later, *busy)
    assert order == ["in an hour", "later"]


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
