"""The children of a decoder: limited, alone with their recording, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from viva.audio import AudioLimits, Decoder
from viva.errors import AudioRejected, Overloaded

LIMITS = AudioLimits(max_duration_s=3_600)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def long(silent_flac: Callable, tmp_path: Path) -> Path:
    """A recording of 50 minutes: its decoding is never finished before the test is."""
    path = tmp_path / "long"
    path.write_bytes(silent_flac(3_000, declared=0))
    return path


def descendants() -> list[psutil.Process]:
    """Every process that decodes for this one, and every zombie; not the stack that other tests may have running."""
    ours = [
        child
        for child in psutil.Process().children()
        if child.status() == psutil.STATUS_ZOMBIE or "viva.audio.forker" in child.cmdline()
    ]
    return ours + [below for child in ours for below in child.children(recursive=True)]


def open_files(process: psutil.Process) -> dict[int, str]:
    """What each of its descriptors is."""
    return {int(fd.name): str(fd.readlink()) for fd in Path(f"/proc/{process.pid}/fd").iterdir()}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come true, for at most 20 s."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the system tells nobody
            await asyncio.sleep(0.01)


async def test_an_answer_means_that_the_child_is_gone(recording: Callable, decoder: Decoder, long: Path) -> None:
    """Once a job is done, early or late, its child has ended and been reaped."""
    idle = descendants()
    await decoder.inspect(recording("wav"), LIMITS)
    assert descendants() == idle
    blocks = decoder.decode(long, LIMITS)
    await anext(blocks)
    assert len(descendants()) == len(idle) + 1
    await blocks.aclose()
    assert descendants() == idle


async def test_nothing_is_left_after_close(recording: Callable, long: Path) -> None:
    """Closing ends idle processes and those in the middle of a job, and reaps them."""
    before = descendants()
    async with Decoder() as decoder:
        blocks = [decoder.decode(long, LIMITS) for _ in range(3)]
        await asyncio.gather(*(anext(each) for each in blocks))
        assert len(descendants()) == len(before) + 4
    assert descendants() == before
    for each in blocks:
        await each.aclose()
    with pytest.raises(RuntimeError):
        await decoder.inspect(recording("wav"), LIMITS)


async def test_a_decoder_that_was_never_started_can_be_closed() -> None:
    """Closing what has not begun is no error."""
    await Decoder().close()


async def test_cancelling_kills_the_child(decoder: Decoder, long: Path) -> None:
    """A cancelled task leaves no child at work."""
    idle = descendants()

    async def listen() -> None:
        async for _ in decoder.decode(long, LIMITS):
            await asyncio.sleep(0.05)

    task = asyncio.create_task(listen())
    await until(lambda: len(descendants()) == len(idle) + 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: descendants() == idle)


async def test_a_child_that_does_not_answer_is_killed_too(decoder: Decoder, long: Path) -> None:
    """A child that hangs in the middle of its work is gone when its time is over."""
    idle = descendants()
    blocks = decoder.decode(long, AudioLimits(max_duration_s=3_600, decode_timeout_s=1.0))
    await anext(blocks)
    (child,) = set(descendants()) - set(idle)
    child.suspend()
    with pytest.raises(AudioRejected, match="too long to read"):
        async for _ in blocks:
            pass
    assert descendants() == idle


async def test_a_slow_reader_holds_the_child_back(decoder: Decoder, long: Path) -> None:
    """Samples that nobody takes are not decoded: the child waits at the socket and its memory stays as it is."""
    idle = descendants()
    blocks = decoder.decode(long, LIMITS)
    await anext(blocks)
    (child,) = set(descendants()) - set(idle)
    await until(lambda: child.status() == psutil.STATUS_SLEEPING)
    spent = child.cpu_times().user
    await asyncio.sleep(0.3)
    assert child.cpu_times().user == spent
    assert child.memory_info().rss < 200e6
    await blocks.aclose()


async def test_a_child_that_dies_is_a_refusal(decoder: Decoder, long: Path) -> None:
    """A child killed in the middle of a job becomes AudioRejected, and the decoder serves the next one."""
    idle = descendants()
    blocks = decoder.decode(long, LIMITS)
    await anext(blocks)
    (child,) = set(descendants()) - set(idle)
    child.kill()
    with pytest.raises(AudioRejected, match="beyond repair"):
        async for _ in blocks:
            pass
    assert (await decoder.inspect(long, LIMITS)).duration_s > 2_900


async def test_a_child_ended_by_its_limit_took_too_long(decoder: Decoder, long: Path) -> None:
    """What the system does to a child that computes too long is told apart from another death."""
    idle = descendants()
    blocks = decoder.decode(long, LIMITS)
    await anext(blocks)
    (child,) = set(descendants()) - set(idle)
    child.send_signal(signal.SIGXCPU)
    with pytest.raises(AudioRejected, match="too long to read"):
        async for _ in blocks:
            pass


async def test_time_is_limited(decoder: Decoder, long: Path) -> None:
    """A recording that takes longer than the limit to read is refused, and its child is gone."""
    idle = descendants()
    limits = AudioLimits(max_duration_s=3_600, inspect_timeout_s=0.0, decode_timeout_s=0.0)
    with pytest.raises(AudioRejected, match="too long to read"):
        await decoder.inspect(long, limits)
    with pytest.raises(AudioRejected, match="too long to read"):
        [block async for block in decoder.decode(long, limits)]
    assert descendants() == idle


async def test_no_more_work_at_once_than_allowed(recording: Callable) -> None:
    """Twenty jobs at once are all served, by no more than three children at a time."""
    most = 0
    async with Decoder(max_children=3, max_wait_s=60) as decoder:
        idle = len(descendants())

        async def work() -> None:
            nonlocal most
            await decoder.inspect(recording("webm"), LIMITS)
            blocks = decoder.decode(recording("webm"), LIMITS)
            assert await anext(blocks)
            most = max(most, len(descendants()) - idle)
            await blocks.aclose()

        await asyncio.gather(*(work() for _ in range(20)))
    assert 1 <= most <= 3


async def test_nobody_waits_without_end(recording: Callable, long: Path) -> None:
    """While slow readers hold every child, the next is told to come later; once one has left, there is room."""
    async with Decoder(max_children=2, max_wait_s=0.1) as decoder:
        held = [decoder.decode(long, LIMITS) for _ in range(2)]
        await asyncio.gather(*(anext(blocks) for blocks in held))
        async with asyncio.timeout(30):
            with pytest.raises(Overloaded):
                await decoder.inspect(recording("wav"), LIMITS)
        await held[0].aclose()
        await decoder.inspect(recording("wav"), LIMITS)
        await held[1].aclose()


def test_cpu_time_is_limited_in_the_child_itself() -> None:
    """Even with no parent watching, a child that computes too long is ended by the system."""
    ended = subprocess.run([sys.executable, "-c", BUSY], cwd=ROOT, check=False, timeout=60)
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
    told = subprocess.run([sys.executable, "-c", CURIOUS], cwd=ROOT, check=True, capture_output=True, timeout=60)
    assert told.stdout == b"refused\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("in_memory", [False, True])
async def test_a_child_holds_only_its_own_socket_and_recording(in_memory: bool, decoder: Decoder, long: Path) -> None:
    """Of several children at work none can see another's socket, a lifeline, or the way to fork more."""
    idle = descendants()
    recording = await asyncio.to_thread(long.read_bytes) if in_memory else long
    blocks = [decoder.decode(recording, LIMITS) for _ in range(4)]
    await asyncio.gather(*(anext(each) for each in blocks))
    sockets = set()
    for child in set(descendants()) - set(idle):
        opened = open_files(child)
        assert set(opened) == {0, 1, 2, 3, 4}
        assert opened[0] == opened[1]
        assert opened[2] == os.devnull
        assert opened[3] == opened[4] == ("/memfd:recording (deleted)" if in_memory else str(long))
        sockets.add(opened[0])
    assert len(sockets) == 4
    for each in blocks:
        await each.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_limits_are_set_on_a_child_at_work(decoder: Decoder, long: Path) -> None:
    """A forked child runs under limits of its own, not under those of the process it came from."""
    idle = descendants()
    blocks = decoder.decode(long, AudioLimits(max_duration_s=3_600, decode_timeout_s=7.0))
    await anext(blocks)
    (child,) = set(descendants()) - set(idle)
    assert child.rlimit(psutil.RLIMIT_NOFILE) == (5, 5)
    assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_CPU) == (8, 9)
    added = child.rlimit(psutil.RLIMIT_AS)[0] - child.parent().memory_info().vms
    assert added == pytest.approx(LIMITS.max_memory_bytes, rel=0.05)
    await blocks.aclose()


async def test_one_child_reads_what_two_would(recording: Callable, decoder: Decoder, tmp_path: Path) -> None:
    """`read` gives the info of `inspect` and the samples of `decode`, and refuses what `inspect` refuses."""
    path = recording("webm")
    idle = descendants()
    async with decoder.read(path, LIMITS) as (info, blocks):
        samples = b"".join([block async for block in blocks])
    assert info == await decoder.inspect(path, LIMITS)
    assert samples == b"".join([block async for block in decoder.decode(path, LIMITS)])
    cut = tmp_path / "cut"
    cut.write_bytes(recording("wav").read_bytes()[:5_000])
    with pytest.raises(AudioRejected) as refused:
        async with decoder.read(cut, LIMITS):
            pytest.fail("a cut recording was let in")
    assert refused.value.code == "audio_truncated"
    assert descendants() == idle


async def test_leaving_a_reading_early_ends_its_child(decoder: Decoder, long: Path) -> None:
    """Whoever has read enough leaves nothing behind."""
    idle = descendants()
    async with decoder.read(long, LIMITS) as (_, blocks):
        await anext(blocks)
    assert descendants() == idle
