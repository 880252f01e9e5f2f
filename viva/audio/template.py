"""The process that children are forked from, seen from the service."""

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path
from typing import Self

import viva
from viva.audio.child import Child
from viva.audio.job import Job

START_S = 30.0
STOP_S = 10.0  # a child that is killed is gone within milliseconds, on a busy machine within a second


class Template:
    """A started forker: gives a child for each job, within a millisecond or two."""

    def __init__(self, process: Process, control: socket.socket) -> None:
        self._process = process
        self._control = control

    @classmethod
    async def start(cls) -> Self:
        """Start it and wait until its libraries are loaded. Raises RuntimeError when it does not come up."""
        control, its_end = socket.socketpair()
        control.setblocking(False)
        try:
            with its_end:
                template = cls(await _start_forker(its_end), control)
        except BaseException:
            control.close()
            raise
        try:
            await template._until_ready()
        except BaseException:
            await asyncio.shield(template.close())
            raise
        return template

    async def _until_ready(self) -> None:
        ready = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                ready = await asyncio.get_running_loop().sock_recv(self._control, 1)
        if not ready:
            raise RuntimeError("the process that reads recordings did not start; stderr may say why")

    def fork(self, job: Job, recording: int | None = None) -> Child:
        """A child at work on the job, given the descriptor of its `recording` where the job names no path.

        Raises ConnectionError when this process has died.
        """
        answers, its_answers = socket.socketpair()
        lifeline, its_lifeline = socket.socketpair()
        child = Child(answers, lifeline)
        with its_answers, its_lifeline:
            try:
                child.give(job)
                given = [its_answers.fileno(), its_lifeline.fileno()]
                given += [] if recording is None else [recording]
                socket.send_fds(self._control, [bytes([len(given)])], given)
            except BaseException:
                child.close()
                raise
        return child

    async def reclaim(self, child: Child) -> None:
        """Kill the child if it still runs, and wait until nothing of it is left."""
        try:
            async with asyncio.timeout(STOP_S):
                await child.stop()
        except TimeoutError:
            await self._kill()  # it hangs, and its children go with it; the next job starts another
        finally:
            child.close()

    async def close(self) -> None:
        """Stop it and all its children, and wait until they are gone."""
        self._control.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            await self._kill()

    async def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


async def _start_forker(stdin: socket.socket) -> Process:
    # It sees the import path and nothing else of the environment: no keys, no settings.
    path = [str(Path(viva.__file__).parent.parent), *filter(None, sys.path)]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-S", "-m", "viva.audio.forker"),
        stdin=stdin.fileno(),
        stdout=DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(path)},
    )
