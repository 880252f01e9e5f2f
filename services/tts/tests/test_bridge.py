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


@pytest.fixture
async def one_free(bridge):
    """A function that frees one of two busy workers; the other stays busy to the end."""
    ends = [threading.Event() for _ in range(2)]
    busy = [asyncio.create_task(bridge.run(end.wait, 30)) for end in ends]
    await settle()
    yield ends[0].set
    for end in ends:
        end.set()
    await asyncio.gather(*busy)


async def settle():
    """Lets every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_whose_audio_is_needed_first_is_next(bridge, one_free):
    """Functions and programs wait in one line, which is in the order of their due times."""
    now, order = time.monotonic(), []

    async def note(name, work):
        await work
        order.append(name)

    waiting = [
        asyncio.create_task(note("late", bridge.run(int, due=now + 1.5))),
        asyncio.create_task(note("program", bridge.program(["true"], due=now + 1.0))),
        asyncio.create_task(note("first", bridge.run(int, due=now + 0.5))),
    ]
    await settle()
    one_free()
    await asyncio.gather(*waiting)
    assert order == ["first", "program", "late"]


@pytest.mark.parametrize(
    ("first", "second"),
    [(3600.0, 60.0), (0.0, -3600.0)],
    ids=["what is needed in an hour", "what was needed an hour ago"],
)
async def test_far_away_times_do_not_count(bridge, one_free, monkeypatch, first, second):
    """Nobody is passed over for long for being early, and nobody passes others for being late."""
    monkeypatch.setattr("viva_tts.bridge.MOST_AHEAD_S", 0.0)
    now, order = time.monotonic(), []
    waiting = []
    for name, ahead_s in (("first", first), ("second", second)):
        waiting.append(asyncio.create_task(bridge.run(order.append, name, due=now + ahead_s)))
        await settle()
    one_free()
    await asyncio.gather(*waiting)
    assert order == ["first", "second"]


async def test_a_thread_keeps_its_place_when_its_caller_leaves(bridge, one_free):
    """The next function begins when the thread is done, not before."""
    go, begun = threading.Event(), threading.Event()
    one_free()
    left = asyncio.create_task(bridge.run(lambda: (begun.set(), go.wait(30))))
    assert await asyncio.to_thread(begun.wait, 30)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    next_one = asyncio.create_task(bridge.run(int))
    await settle()
    assert bridge._places._waiting
    go.set()
    assert await next_one == 0


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
