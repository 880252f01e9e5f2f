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
# Nobody waits for those who come so much later, or a voice that reads a book aloud would be given up as one that hangs.
MOST_AHEAD_S = 5.0


@dataclass(frozen=True, slots=True)
class Finished:
    """What a child process left behind."""

    status: int
    stdout: bytes


class Bridge:
    """Runs blocking functions in threads, and programs as child processes, `workers` at once; others wait.

    Who waits is served in the order of `due`, the time on `time.monotonic`'s clock at which the audio is needed, or
    MOST_AHEAD_S from now where that is sooner.
    Waiting callers are bounded by the admission of requests. A cancelled caller that still waits costs nothing; one
    whose program runs has it killed; one whose function runs lets it come to its end in its thread. `waited` observes
    the seconds for which each waited, `held` those for which it had its place.
    """

    def __init__(
        self, workers: int, waited: Histogram | None = None, held: Histogram | None = None
    ) -> None:
        self.workers = workers
        self._waited = waited
        self._held = held
        self._places = Places(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="bridge")

    async def run(self, function: Callable[..., Result], *arguments: object, due: float = 0.0) -> Result:
        """The function's result, from a thread."""
        async with self._place(due):
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

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
        async with self._place(due):
            child = _started(arguments, stdin, pass_fds)
            ending = asyncio.get_running_loop().run_in_executor(self._threads, child.communicate)
            try:
                stdout, _ = await asyncio.shield(ending)
            except asyncio.CancelledError:
                child.kill()
                await asyncio.shield(ending)
                raise
            return Finished(child.returncode, stdout)

    @asynccontextmanager
    async def _place(self, due: float) -> AsyncIterator[None]:
        asked = time.monotonic()
        async with self._places.taken(min(due, asked + MOST_AHEAD_S)):
            began = time.monotonic()
            if self._waited is not None:
                self._waited.observe(began - asked)
            try:
                yield
            finally:
                if self._held is not None:
                    self._held.observe(time.monotonic() - began)

    def close(self) -> None:
        """Gives up what waits; threads that work end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _started(
    arguments: Sequence[str], stdin: IO[bytes] | None, pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    # Not by the event loop: uvloop copies this process first, which holds it up for 4 to 12 ms, the more memory it
    # has. Popen lends it to the child until that becomes the program, for 0.2 ms.
    return subprocess.Popen(
        arguments,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
    )
