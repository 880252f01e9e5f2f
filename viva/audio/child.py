"""One child process of the decoder, seen from the service."""

import asyncio
import contextlib
import json
import signal
import socket

from viva.audio.job import ERROR, HEADER, MAX_BLOCK_BYTES, MISSING, STATUS, Job
from viva.errors import AudioRejected, AudioTooLong, Overloaded


class Child:
    """A worker with its one job: gives its answer frame by frame, and is gone when stopped.

    Samples that nobody reads stay in the socket, which is full after about 200 KB: then the worker waits.
    """

    def __init__(self, answers: socket.socket, lifeline: socket.socket) -> None:
        self._answers = answers
        self._lifeline = lifeline
        answers.setblocking(False)
        lifeline.setblocking(False)

    def give(self, job: Job) -> None:
        """Hand over the job: before the child is there, for it fits into the socket."""
        self._answers.sendall(job.to_line())

    async def read(self) -> tuple[bytes, bytes]:
        """The next frame: its kind and payload.

        Raises what the worker says, AudioRejected when it has died, and Overloaded when it has vanished
        with the process it was forked from, which is not the recording's fault.
        """
        try:
            kind, length = HEADER.unpack(await self._read_exactly(HEADER.size))
            payload = await self._read_exactly(min(length, MAX_BLOCK_BYTES))
        except (EOFError, ConnectionError):
            raise await self._died() from None
        if kind == ERROR:
            raise _as_error(json.loads(payload))
        if kind == MISSING:
            raise FileNotFoundError("the recording to read is not there")
        return kind, payload

    async def _read_exactly(self, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        read = bytearray(size)
        unread = memoryview(read)
        while unread:
            got = await loop.sock_recv_into(self._answers, unread)
            if not got:
                raise EOFError
            unread = unread[got:]
        return bytes(read)

    async def _died(self) -> AudioRejected | Overloaded:
        status = b""
        with contextlib.suppress(ConnectionError):
            status = await asyncio.get_running_loop().sock_recv(self._lifeline, STATUS.size)
        if not status:
            return Overloaded("Reading the recording was interrupted; try again.")
        if STATUS.unpack(status)[0] == -signal.SIGXCPU:
            return took_too_long()
        return AudioRejected("The recording could not be read: reading it failed beyond repair.")

    async def stop(self) -> None:
        """Kill it if it still runs, and wait until nothing of it is left."""
        with contextlib.suppress(OSError):  # it is gone already
            self._lifeline.shutdown(socket.SHUT_WR)
            while await asyncio.get_running_loop().sock_recv(self._lifeline, STATUS.size):
                pass

    def close(self) -> None:
        """Let go of it: it is killed, but not waited for."""
        self._answers.close()
        self._lifeline.close()


def took_too_long() -> AudioRejected:
    """The refusal of a recording that takes more time to read than is allowed."""
    return AudioRejected("The recording takes too long to read.")


def _as_error(said: dict) -> AudioRejected | AudioTooLong:
    if said["code"] == AudioTooLong.default_code:
        return AudioTooLong(said["message"])
    return AudioRejected(said["message"], code=said["code"])
