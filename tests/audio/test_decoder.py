"""The children of a decoder: started ahead, limited, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from viva.audio import AudioLimits, Decoder
from viva.errors import AudioRejected

LIMITS = AudioLimits(max_duration_s=3_600)


def children() -> list[int]:
    """The ids of this process's children, zombies included."""
    return [child.pid for child in psutil.Process().children()]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come true, for at most 20 s."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the system tells nobody
            await asyncio.sleep(0.01)


async def test_a_spare_serves_the_next_job_and_is_replaced(recording: Callable) -> None:
    """The child that was started ahead does the work, ends, and another takes its place."""
    before = set(children())
    async with Decoder(spares=1) as decoder:
        (spare,) = set(children()) - before
        await decoder.inspect(recording("wav"), LIMITS)
        assert not psutil.pid_exists(spare)
        await until(lambda: len(set(children()) - before) == 1)
        (second,) = set(children()) - before
        assert second != spare
    assert set(children()) == before


async def test_a_spare_that_died_waiting_is_passed_over(recording: Callable) -> None:
    """A spare killed while idle costs no job."""
    before = set(children())
    async with Decoder(spares=1) as decoder:
        (spare,) = set(children()) - before
        os.kill(spare, signal.SIGKILL)
        await until(lambda: not decoder._spares[0].alive)
        assert (await decoder.inspect(recording("wav"), LIMITS)).codec == "pcm_s16le"


async def test_nothing_is_left_after_close(
    recording: Callable, silent_flac: Callable, tmp_path: Path
) -> None:
    """Closing ends idle children and those in the middle of a job, and reaps them."""
    before = set(children())
    (tmp_path / "long").write_bytes(silent_flac(3_000, declared=0))
    async with Decoder(spares=2) as decoder:
        blocks = decoder.decode(tmp_path / "long", LIMITS)
        await anext(blocks)
    assert set(children()) == before
    with pytest.raises(AudioRejected):
        async for _ in blocks:
            pass
    with pytest.raises(RuntimeError):
        await decoder.inspect(recording("wav"), LIMITS)


async def test_closing_the_iterator_kills_the_child(silent_flac: Callable, tmp_path: Path) -> None:
    """A consumer that stops early stops the work done for it."""
    before = set(children())
    (tmp_path / "long").write_bytes(silent_flac(3_000, declared=0))
    async with Decoder(spares=0) as decoder:
        blocks = decoder.decode(tmp_path / "long", LIMITS)
        await anext(blocks)
        assert len(set(children()) - before) == 1
        await blocks.aclose()
        assert set(children()) == before


async def test_cancelling_kills_the_child(silent_flac: Callable, tmp_path: Path) -> None:
    """A cancelled task leaves no child at work."""
    before = set(children())
    (tmp_path / "long").write_bytes(silent_flac(3_000, declared=0))
    async with Decoder(spares=0) as decoder:

        async def listen() -> None:
            async for _ in decoder.decode(tmp_path / "long", LIMITS):
                await asyncio.sleep(0.05)

        task = asyncio.create_task(listen())
        await until(lambda: len(set(children()) - before) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: set(children()) == before)


async def test_a_slow_reader_holds_the_child_back(silent_flac: Callable, tmp_path: Path) -> None:
    """Samples that nobody takes are not decoded: the child waits at the pipe and its memory stays as it is."""
    before = set(children())
    (tmp_path / "long").write_bytes(silent_flac(3_000, declared=0))
    async with Decoder(spares=0) as decoder:
        blocks = decoder.decode(tmp_path / "long", LIMITS)
        await anext(blocks)
        child = psutil.Process((set(children()) - before).pop())
        await until(lambda: child.status() == psutil.STATUS_SLEEPING)
        spent = child.cpu_times().user
        await asyncio.sleep(0.3)
        assert child.cpu_times().user == spent
        assert child.memory_info().rss < 200e6
        await blocks.aclose()


async def test_a_child_that_dies_is_a_refusal(silent_flac: Callable, tmp_path: Path) -> None:
    """A child killed in the middle of a job becomes AudioRejected, and the decoder serves the next one."""
    before = set(children())
    (tmp_path / "long").write_bytes(silent_flac(3_000, declared=0))
    async with Decoder(spares=0) as decoder:
        blocks = decoder.decode(tmp_path / "long", LIMITS)
        await anext(blocks)
        os.kill((set(children()) - before).pop(), signal.SIGKILL)
        with pytest.raises(AudioRejected):
            async for _ in blocks:
                pass
        assert (await decoder.inspect(tmp_path / "long", LIMITS)).duration_s > 2_900


async def test_time_is_limited(silent_flac: Callable, tmp_path: Path) -> None:
    """A recording that takes longer than the limit to read is refused, and its child is gone."""
    before = set(children())
    (tmp_path / "long").write_bytes(silent_flac(3_500, declared=0))
    async with Decoder(spares=0) as decoder:
        limits = AudioLimits(max_duration_s=3_600, inspect_timeout_s=0.001, decode_timeout_s=0.001)
        with pytest.raises(AudioRejected, match="too long to read"):
            await decoder.inspect(tmp_path / "long", limits)
        with pytest.raises(AudioRejected, match="too long to read"):
            [block async for block in decoder.decode(tmp_path / "long", limits)]
        assert set(children()) == before


def test_cpu_time_is_limited_in_the_child_itself() -> None:
    """Even with no parent watching, a child that computes too long is ended by the system."""
    ended = subprocess.run(
        [sys.executable, "-c", BUSY], cwd=Path(__file__).parents[2], check=False, timeout=60
    )
    assert ended.returncode == -signal.SIGXCPU


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit on the address space")
async def test_memory_is_limited(recording: Callable, decoder: Decoder) -> None:
    """A recording that needs more memory than the limit is refused."""
    with pytest.raises(AudioRejected):
        await decoder.inspect(recording("m4a", 12.0), AudioLimits(max_duration_s=60, max_memory_bytes=0))


async def test_a_missing_file_is_not_the_recordings_fault(decoder: Decoder, tmp_path: Path) -> None:
    """A path that is not there is a mistake of the caller, not a refusal; a folder is refused."""
    with pytest.raises(FileNotFoundError):
        await decoder.inspect(tmp_path / "nothing", LIMITS)
    with pytest.raises(AudioRejected):
        await decoder.inspect(tmp_path, LIMITS)


BUSY = """
from viva.audio import worker
from viva.audio.job import Job

worker._limit(Job("decode", "", max_duration_s=1, max_memory_bytes=1 << 30, cpu_s=0))
while True:
    pass
"""

CURIOUS = """
import os, sys
from viva.audio import worker
from viva.audio.job import Job

worker._limit(Job("decode", "", max_duration_s=1, max_memory_bytes=1 << 30, cpu_s=10))
os.dup(os.open(sys.executable, os.O_RDONLY))
try:
    os.open(sys.executable, os.O_RDONLY)
except OSError:
    print("refused")
"""


def test_a_child_can_open_one_file_and_no_other() -> None:
    """Whatever a recording talks FFmpeg into, the system lets the child open nothing but the recording."""
    told = subprocess.run(
        [sys.executable, "-c", CURIOUS],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert told.stdout == b"refused\n"


PARENT = """
import asyncio, sys
from pathlib import Path
from viva.audio import AudioLimits, Decoder

async def main():
    decoder = Decoder(spares=2)
    await decoder.start()
    blocks = decoder.decode(Path(sys.argv[1]), AudioLimits(max_duration_s=3600))
    await anext(blocks)
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_children_die_with_their_parent(silent_flac: Callable, tmp_path: Path) -> None:
    """A parent killed outright takes its children with it, idle and at work."""
    (tmp_path / "long").write_bytes(silent_flac(3_000, declared=0))
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "long")],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as parent:
        assert parent.stdout.readline() == b"ready\n"
        orphans = psutil.Process(parent.pid).children(recursive=True)
        assert len(orphans) >= 2
        parent.kill()
    deadline = time.monotonic() + 20
    while any(orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE for orphan in orphans):
        assert time.monotonic() < deadline
        time.sleep(0.02)
