"""One child process of the decoder, seen from its parent."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import viva
from viva.audio.job import ERROR, HEADER, MAX_BLOCK_BYTES, MISSING, Job
from viva.errors import AudioRejected, AudioTooLong


class Child:
    """A started worker: takes one job, gives its answer frame by frame, and is gone when stopped."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._reading = asyncio.Lock()
        self._stopping: asyncio.Task | None = None

    @classmethod
    async def start(cls) -> "Child":
        """Start a worker. It loads its libraries on its own and waits for its job."""
        # The child sees the import path and nothing else of the environment: no keys, no settings.
        path = [str(Path(viva.__file__).parent.parent), *filter(None, sys.path)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-S", "-m", "viva.audio.worker"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(path)},
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be given a job."""
        return self._process.returncode is None

    def give(self, job: Job) -> None:
        """Hand over the job."""
        self._process.stdin.write(job.to_line())

    async def read(self) -> tuple[bytes, bytes]:
        """The next frame: its kind and payload. Raises AudioRejected when the child has died."""
        try:
            async with self._reading:
                kind, length = HEADER.unpack(await self._process.stdout.readexactly(HEADER.size))
                payload = await self._process.stdout.readexactly(min(length, MAX_BLOCK_BYTES))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._died() from None
        if kind == ERROR:
            raise _as_error(json.loads(payload))
        if kind == MISSING:
            raise FileNotFoundError("the recording to read is not there")
        return kind, payload

    async def _died(self) -> AudioRejected:
        if await self._process.wait() == -signal.SIGXCPU:
            return took_too_long()
        return AudioRejected("The recording could not be read: reading it failed beyond repair.")

    async def stop(self) -> None:
        """Kill it if it still runs, and wait until nothing of it is left. May be called more than once."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._process.stdin.close()
        async with self._reading:
            # What is left in the pipe is read so that its transport sees the end and closes.
            await self._process.stdout.read()
        await self._process.wait()


def took_too_long() -> AudioRejected:
    """The refusal of a recording that takes more time to read than is allowed."""
    return AudioRejected("The recording takes too long to read.")


def _as_error(said: dict) -> AudioRejected | AudioTooLong:
    if said["code"] == AudioTooLong.default_code:
        return AudioTooLong(said["message"])
    return AudioRejected(said["message"], code=said["code"])
