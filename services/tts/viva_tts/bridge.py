"""The one way from the event loop to blocking work: so many threads or child processes at once, and no more."""

import asyncio
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import IO, TypeVar

from prometheus_client import Histogram

Result = TypeVar("Result")
Item = TypeVar("Item")
_END = object()


@dataclass(frozen=True, slots=True)
class Finished:
    """What a child process left behind."""

    status: int
    stdout: bytes


class Bridge:
    """Runs blocking functions in threads, and programs as child processes, `workers` at once; others wait.

    Waiting callers are bounded by the admission of requests. A cancelled caller that still waits costs nothing; one
    whose program runs has it killed; one whose function runs lets it come to its end in its thread. `waited` observes
    the seconds for which each waited.
    """

    def __init__(self, workers: int, waited: Histogram | None = None) -> None:
        self.workers = workers
        self._waited = waited
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="bridge")
        self._children = asyncio.Semaphore(workers)

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """The function's result, from a thread."""
        if self._waited is not None:
            function = partial(self._timed, time.monotonic(), function)
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def iterate(self, items: Iterable[Item]) -> AsyncGenerator[Item]:
        """The items, each made in a thread when it is asked for: nothing is made for a caller that has left."""
        iterator = iter(items)
        while (item := await self.run(next, iterator, _END)) is not _END:
            yield item

    async def program(
        self, arguments: Sequence[str], stdin: IO[bytes] | None = None, pass_fds: Sequence[int] = ()
    ) -> Finished:
        """Runs a program to its end. Raises OSError when it cannot be started."""
        asked = time.monotonic()
        async with self._children:
            if self._waited is not None:
                self._waited.observe(time.monotonic() - asked)
            child = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=pass_fds,
            )
            try:
                stdout, _ = await child.communicate()
            except BaseException:
                if child.returncode is None:
                    child.kill()
                    await asyncio.shield(child.wait())
                raise
            return Finished(child.returncode or 0, stdout)

    def _timed(self, asked: float, function: Callable[..., Result], *arguments: object) -> Result:
        """In its thread now, since `asked` on its way there."""
        self._waited.observe(time.monotonic() - asked)
        return function(*arguments)

    def close(self) -> None:
        """Gives up what waits; threads that work end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
