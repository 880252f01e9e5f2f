"""A recording as it comes to the decoder: a file, or bytes in memory."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from viva.errors import Overloaded

Recording = Path | bytes


@contextlib.contextmanager
def descriptor(recording: Recording) -> Iterator[int | None]:
    """A descriptor from which bytes can be read like a file, which has no name and is gone at the end.

    None for a recording that is a file: whoever reads it opens it. Raises Overloaded when there is no room for it.
    """
    if isinstance(recording, Path):
        yield None
        return
    with _copy(recording) as file:
        yield file.fileno()


def _copy(data: bytes) -> BinaryIO:
    try:
        file = _nameless_file()
        file.write(data)
        file.flush()
    except OSError as error:
        raise Overloaded("There is no room for the recording just now; try again later.") from error
    return file


def _nameless_file() -> BinaryIO:
    if hasattr(os, "memfd_create"):  # on Linux
        return os.fdopen(os.memfd_create("recording"), "w+b")
    return tempfile.TemporaryFile()
