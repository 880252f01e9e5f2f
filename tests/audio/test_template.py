"""The process that children are forked from: it does not grow, can be lost, and ends with the service."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from viva.audio import AudioLimits, Decoder
from viva.errors import Overloaded

LIMITS = AudioLimits(max_duration_s=3_600)


@pytest.fixture
def long(silent_flac: Callable, tmp_path: Path) -> Path:
    """A recording of 50 minutes: its decoding is never finished before the test is."""
    path = tmp_path / "long"
    path.write_bytes(silent_flac(3_000, declared=0))
    return path


@pytest.fixture(autouse=True)
def others() -> frozenset[psutil.Process]:
    """What other tests have running beside this one: a stack that many files share, say."""
    return frozenset(psutil.Process().children())


def child_of(process: psutil.Process, others: frozenset[psutil.Process] = frozenset()) -> psutil.Process:
    """Its one child, but for those."""
    (child,) = set(process.children()) - others
    return child


def running(process: psutil.Process) -> bool:
    """Whether it has not ended; one that waits for its parent to look has."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(processes: list[psutil.Process]) -> None:
    """Wait for their end, for at most 20 s."""
    deadline = time.monotonic() + 20
    while any(running(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads and descriptors in /proc")
async def test_many_jobs_leave_nothing_behind(recording: Callable, decoder: Decoder, others: frozenset) -> None:
    """After two hundred jobs there is no zombie, no descriptor, no thread and no memory more than after ten."""
    ours, template = psutil.Process(), child_of(psutil.Process(), others)

    async def inspect(times: int) -> tuple:
        for _ in range(times):
            await decoder.inspect(recording("webm_live"), LIMITS)
        return ours.num_fds(), template.num_fds(), template.num_threads(), template.children()

    first, rss = await inspect(10), template.memory_info().rss
    assert first[2:] == (1, [])
    assert await inspect(200) == first
    assert template.memory_info().rss < rss + 1e6


async def test_a_template_that_died_idle_costs_no_job(recording: Callable, decoder: Decoder, others: frozenset) -> None:
    """When the template is killed between two jobs, the next ones are served by another."""
    template = child_of(psutil.Process(), others)
    template.kill()
    await asyncio.to_thread(wait_until_gone, [template])
    jobs = [decoder.inspect(recording("wav"), LIMITS) for _ in range(4)]
    assert [info.codec for info in await asyncio.gather(*jobs)] == ["pcm_s16le"] * 4
    assert child_of(psutil.Process(), others) != template


async def test_a_template_that_dies_at_work_is_not_the_recordings_fault(
    recording: Callable, decoder: Decoder, others: frozenset, long: Path
) -> None:
    """Its children end with it, their jobs may be tried again, and the decoder goes on."""
    template = child_of(psutil.Process(), others)
    blocks = decoder.decode(long, LIMITS)
    await anext(blocks)
    child = child_of(template)
    template.kill()
    with pytest.raises(Overloaded) as interrupted:
        async for _ in blocks:
            pass
    assert interrupted.value.retryable
    await asyncio.to_thread(wait_until_gone, [child])
    assert (await decoder.inspect(recording("wav"), LIMITS)).codec == "pcm_s16le"


async def test_a_template_that_hangs_is_replaced(
    recording: Callable, decoder: Decoder, others: frozenset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template that no longer reaps is killed when it is found out, and the next job is served by another."""
    monkeypatch.setattr("viva.audio.template.STOP_S", 0.2)
    template = child_of(psutil.Process(), others)
    template.suspend()
    with pytest.raises(Exception, match="too long to read"):
        await decoder.inspect(recording("wav"), AudioLimits(max_duration_s=60, inspect_timeout_s=0.2))
    assert (await decoder.inspect(recording("wav"), LIMITS)).codec == "pcm_s16le"
    assert not running(template)


async def test_a_template_that_does_not_come_up_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is found when the service starts, and no process is left."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    before = psutil.Process().children()
    with pytest.raises(RuntimeError, match="did not start"):
        await Decoder().start()
    assert psutil.Process().children() == before


PARENT = """
import asyncio, sys
from pathlib import Path
from viva.audio import AudioLimits, Decoder

async def main():
    async with Decoder() as decoder:
        blocks = [decoder.decode(Path(sys.argv[2]), AudioLimits(max_duration_s=3600)) for _ in range(2)]
        await asyncio.gather(*(anext(each) for each in blocks))
        print("ready", flush=True)
        await asyncio.sleep(60)

if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_children_die_with_the_service(loop: str, long: Path) -> None:
    """A service killed outright takes its processes with it, idle and at work, whichever loop it runs."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, loop, str(long)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as parent:
        assert parent.stdout.readline() == b"ready\n"
        template = child_of(psutil.Process(parent.pid))
        orphans = [template, *template.children()]
        assert len(orphans) == 3
        parent.kill()
    wait_until_gone(orphans)
