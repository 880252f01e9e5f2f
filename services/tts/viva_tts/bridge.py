"""The one way from the event loop to blocking work: so many threads or child processes at once, and no more."""

import asyncio
import subprocess
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, TypeVar

from prometheus_client import Histogram

from viva_tts.places import Places

Result = TypeVar("Result")
Item = TypeVar("Item")
_END = object()
# Nobody waits for those who come so much later: voices that can't keep up have to be felt by new questions soon, since
# that is how the orchestrator learns to refuse some of them.
MOST_AHEAD_S = 2.0


@dataclass(frozen=True, slots=True)
class Finished:
    """What a child process left behind."""

    status: int
    stdout: bytes


class Bridge:
    """Runs blocking functions in threads, and programs as child processes, `workers` at once; others wait.

    Who waits is served in the order of `due`, the time on `time.monotonic`'s clock at which the audio is needed; the
    past counts as now, and what is further ahead than MOST_AHEAD_S as that. Waiting callers are bounded by the
    admission of requests. A cancelled caller that still waits costs nothing; one whose program runs has it killed; one
    whose function runs lets it come to its end in its thread, which has its place until then. `late` observes for how
    many seconds each waited beyond its due time, `held` for how many it had its place.
    """

    def __init__(self, workers: int, late: Histogram | None = None, held: Histogram | None = None) -> None:
        self.workers = workers
        self._late = late
        self._held = held
        self._places = Places(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="bridge")

    async def run(self, function: Callable[..., Result], *arguments: object, due: float = 0.0) -> Result:
        """The function's result, from a thread."""
        async with self._place(due) as place:
            return await asyncio.shield(self._in_thread(place, function, *arguments))

    async def iterate(self, items: Iterable[Item], due: float = 0.0) -> AsyncGenerator[Item]:
        """The items, each made in a thread when it is asked for: nothing is made for a caller that has left."""
        iterator = iter(items)
        while (item := await self.run(next, iterator, _END, due=due)) is not _END:
            yield item

    async def program(
        self,
        arguments: Sequence[str],
        stdin: IO[bytes] | None = None,
        pass_fds: Sequence[int] = (),
        due: float = 0.0,
    ) -> Finished:
        """Runs a program to its end. Raises OSError when it cannot be started."""
        async with self._place(due) as place:
            child = _started(arguments, stdin, pass_fds)
            try:
                ending = self._in_thread(place, child.communicate)
                stdout, _ = await asyncio.shield(ending)
            except BaseException:
                child.kill()
                if place.taken_over:
                    await asyncio.wait([ending])
                else:
                    child.wait()  # it has no thread that would
                raise
            return Finished(child.returncode, stdout)

    def _in_thread(
        self, place: "_Place", function: Callable[..., Result], *arguments: object
    ) -> asyncio.Future[Result]:
        work = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        place.taken_over = True
        work.add_done_callback(place.give_back)
        return work

    @asynccontextmanager
    async def _place(self, due: float) -> AsyncIterator["_Place"]:
        """A place, which a thread may take over; else it is given back at the end of the block."""
        asked = time.monotonic()
        due = min(max(due, asked), asked + MOST_AHEAD_S)
        await self._places.take(due)
        place = _Place(self._places, self._held)
        if self._late is not None:
            self._late.observe(max(0.0, place.since - due))
        try:
            yield place
        finally:
            if not place.taken_over:
                place.give_back()

    def close(self) -> None:
        """Begins nothing more; threads that work end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Place:
    """One of the bridge's places, while somebody has it."""

    def __init__(self, places: Places, held: Histogram | None) -> None:
        self._places = places
        self._held = held
        self.since = time.monotonic()
        self.taken_over = False

    def give_back(self, _work: asyncio.Future | None = None) -> None:
        if self._held is not None:
            self._held.observe(time.monotonic() - self.since)
        self._places.give_back()


def _started(arguments: Sequence[str], stdin: IO[bytes] | None, pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
    # Not by the event loop: uvloop copies this process first, which holds it up for 4 to 12 ms, the more memory it
    # has. Popen lends it to the child until that becomes the program, for 0.2 ms.
    return subprocess.Popen(
        arguments,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
    )
