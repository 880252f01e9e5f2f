"""Temporary files for recordings on their way: written off the event loop, gone when the block ends."""

from __future__ import annotations

import asyncio
import errno
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from viva.errors import Overloaded

# Larger blocks mean fewer trips to a thread; this much is held in memory for each upload.
BLOCK_BYTES = 1024 * 1024


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raise `Overloaded` for a full disk: the next request, or another replica, may have better luck."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = "There is no room for the recording just now; try again later."
            raise Overloaded(message, retry_after_s=30) from error
        raise


@asynccontextmanager
async def temporary_folder(parent: Path | None) -> AsyncIterator[Path]:
    """A new folder that is deleted with everything in it. Raises `Overloaded` when the disk is full."""
    with disk_errors():
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="viva-", dir=parent))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class SpoolWriter:
    """Writes blocks of any size to a new file; `close` after the last."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self._pending = bytearray()
        self.written = 0

    async def write(self, block: bytes) -> None:
        """Take a block; it is on the way to the disk when this returns."""
        self._pending += block
        self.written += len(block)
        if len(self._pending) >= BLOCK_BYTES:
            await self._flush()

    async def close(self, *, header: bytes = b"") -> None:
        """Write what is left, and `header` over the first bytes of the file, where it is given."""
        await self._flush()
        with disk_errors():
            await asyncio.to_thread(self._finish, header)

    def abandon(self) -> None:
        """Close without writing what is left; harmless after `close`."""
        self._file.close()

    async def _flush(self) -> None:
        pending, self._pending = self._pending, bytearray()
        with disk_errors():
            await asyncio.to_thread(self._write_all, pending)

    def _write_all(self, data: bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def _finish(self, header: bytes) -> None:
        if header:
            self._file.seek(0)
            self._file.write(header)
        self._file.close()


@asynccontextmanager
async def spooling(path: Path) -> AsyncIterator[SpoolWriter]:
    """A writer whose file is closed whatever happens."""
    with disk_errors():
        writer = SpoolWriter(path)
    try:
        yield writer
    finally:
        writer.abandon()
