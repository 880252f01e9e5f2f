"""One part of the stack: what to run, and the process that runs it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


def _dying_with_us() -> list[str]:
    """What makes Linux end a process when the thread that started it ends: should the guard be killed as well."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


@dataclass(frozen=True, slots=True)
class Part:
    """What to run and how to see that it is ready."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    url: str
    is_ready: Callable[[], bool]
    starts_first: bool = False  # and stops last: the others need it


class RunningPart:
    """A part's process, in a process group of its own, with everything that it prints in a file."""

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.log = log
        self.ready = False
        self.starts = 0
        self.started_at = 0.0  # monotonic seconds
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process; what an earlier one of this part printed stays above in the log."""
        self.ready = False
        self.starts += 1
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_dying_with_us(), *self.part.command],
                env=dict(self.part.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # a Ctrl-C at the terminal reaches the launcher alone, which then ends the parts
            )

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def pid(self) -> int:
        """The process's number, which is its group's too."""
        return self._process.pid if self._process else 0

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll() if self._process else None

    @property
    def has_died(self) -> bool:
        """Whether it was started and is not running any more."""
        return self.exit_status is not None

    def check_ready(self) -> bool:
        """Whether it answers; asked only until it has."""
        self.ready = self.ready or (not self.has_died and self.part.is_ready())
        return self.ready

    def ask_to_stop(self) -> None:
        """SIGTERM to the process alone: what it has started is for it to end."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended within `timeout_s` seconds."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(timeout_s, 0.0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill_group(self) -> None:
        """SIGKILL to the process and to whatever of its children is left."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def last_lines(self, count: int) -> list[str]:
        """The end of the log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return [line for line in text.splitlines() if line.strip()][-count:]

    def how_it_ended(self) -> str:
        """ "was killed (SIGKILL)" or "ended with status 2"."""
        status = self.exit_status
        if status is not None and status < 0:
            return f"was killed ({signal.Signals(-status).name})"
        return f"ended with status {status}"
