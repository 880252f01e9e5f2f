"""The data folder: one stack at a time."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from viva.errors import EngineUnavailable

_PATIENCE_S = 4.0  # a little longer than the guard takes to end what a killed launcher left running


class FolderBusy(EngineUnavailable):
    """Another stack works in this folder."""

    default_code = "folder_busy"


@contextmanager
def only_one(folder: Path, patience_s: float = _PATIENCE_S) -> Iterator[int]:
    """Holds `folder` and gives the descriptor that does; raises FolderBusy when another process holds it.

    The system lets go of it when every process that has the descriptor has ended, however it ended: the guard has
    it too, so that nobody takes the folder before the last process of a killed stack is gone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        deadline = time.monotonic() + patience_s
        while not _taken(file.fileno()):
            if time.monotonic() >= deadline:
                raise FolderBusy(
                    f"Another Viva already runs with the data in {folder}. Stop it, or give this one a folder of "
                    "its own: VIVA_DATA_DIR=other VIVA_PORT=8090 make run"
                )
            time.sleep(0.1)
        yield file.fileno()


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
