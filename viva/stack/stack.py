"""Starts the parts, waits until they are ready, and ends every one of them."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from viva.errors import EngineUnavailable
from viva.stack.last_words import EXIT_STATUS, last_words
from viva.stack.part import Part, RunningPart
from viva.stack.signals import signals_deferred, signals_noted

STOP_GRACE_S = 6.0
_LOOK_EVERY_S = 0.05
_SHOWN_LOG_LINES = 12


class PartFailed(EngineUnavailable):
    """A part ended, or did not become ready; the message says why as the part does, or has the end of its log."""

    default_code = "part_failed"


class Stack:
    """The parts of one Viva as processes. A context manager: leaving it ends them all, whatever happened inside.

    Parts that others need (Redis) start first and are waited for; the others start together. They stop in the
    opposite order. Should this process be killed, a guard process ends them instead.
    Start and stop it in the main thread: on Linux the parts end with the thread that started them.
    """

    def __init__(self, parts: Sequence[Part], log_folder: Path, *, held: Sequence[int] = ()) -> None:
        """`held` are descriptors (locks) that the guard keeps open until the last process has ended."""
        log_folder.mkdir(parents=True, exist_ok=True)
        self.parts = [RunningPart(part, log_folder / f"{part.name}.log") for part in parts]
        self._held = held
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        guard = Path(__file__).with_name("guard.py")
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(guard)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=self._held,
        )
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def __getitem__(self, name: str) -> RunningPart:
        return next(part for part in self.parts if part.name == name)

    def start(self, timeout_s: float, on_ready: Callable[[RunningPart], None] = lambda _part: None) -> None:
        """Starts all parts and returns when the last is ready, having called `on_ready` with each.

        Raises PartFailed when one ends or is not ready in time.
        """
        for part in self.parts:
            part.log.unlink(missing_ok=True)
        deadline = time.monotonic() + timeout_s
        for wave in self._waves():
            for part in wave:
                self._start_part(part)
            for part in self._becoming_ready(wave, deadline):
                on_ready(part)

    def restart(self, part: RunningPart) -> None:
        """Starts a part that has died, after ending what it left running."""
        part.kill_group()
        self._tell_guard(-part.pid)
        self._start_part(part)

    def died(self) -> list[RunningPart]:
        """The parts that were started and are not running any more."""
        return [part for part in self.parts if part.has_died]

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ends every process. Signals that arrive meanwhile cannot stop it halfway; Ctrl-C makes it impatient."""
        impatient: list[int] = []
        with signals_noted(impatient):
            for wave in reversed(self._waves()):
                deadline = time.monotonic() + grace_s
                for part in wave:
                    part.ask_to_stop()
                for part in wave:
                    while not part.wait(_LOOK_EVERY_S) and time.monotonic() < deadline and not impatient:
                        pass
                for part in wave:
                    part.kill_group()
            self._dismiss_guard()

    def _waves(self) -> tuple[list[RunningPart], list[RunningPart]]:
        first = [part for part in self.parts if part.part.starts_first]
        return first, [part for part in self.parts if part not in first]

    def _start_part(self, part: RunningPart) -> None:
        with signals_deferred():  # a process that nobody has noted yet would be left behind
            part.start()
            self._tell_guard(part.pid)

    def _becoming_ready(self, wave: Sequence[RunningPart], deadline: float) -> Iterator[RunningPart]:
        waiting = list(wave)
        while waiting:
            for part in list(waiting):
                if part.has_died:
                    raise failed_start(part)
                if part.check_ready():
                    waiting.remove(part)
                    yield part
            if waiting and time.monotonic() > deadline:
                names = ", ".join(part.name for part in waiting)
                raise PartFailed(f"{names} did not become ready in time.{log_end(waiting[0])}")
            time.sleep(_LOOK_EVERY_S)

    def _tell_guard(self, group: int) -> None:
        if self._guard and self._guard.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.write(f"{group}\n".encode())
                self._guard.stdin.flush()

    def _dismiss_guard(self) -> None:
        if self._guard is None or self._guard.stdin is None:
            return
        for part in self.parts:
            self._tell_guard(-part.pid)
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.close()
        self._guard.wait()
        self._guard = None


def failed_start(part: RunningPart) -> PartFailed:
    """The error for a part that ended while it started: what the service says itself, or else the end of its log."""
    said = own_words(part)
    if said is None:
        return PartFailed(f"{part.name} {part.how_it_ended()} while it started.{log_end(part)}")
    code, sentence = said
    return PartFailed(f"{part.name} cannot start. {sentence}\n    Its log: {part.log}", code=code)


def why_it_ended(part: RunningPart) -> str:
    """What to print behind a sentence about a part that has ended: its own words, or else the end of its log."""
    said = own_words(part)
    return log_end(part) if said is None else f" It says: {said[1]} ({part.log})"


def own_words(part: RunningPart) -> tuple[str, str] | None:
    """Code and sentence of a service that could not start; None for one that ended otherwise, or does not say why."""
    return last_words(part.last_lines(_SHOWN_LOG_LINES)) if part.exit_status == EXIT_STATUS else None


def log_end(part: RunningPart, count: int = _SHOWN_LOG_LINES) -> str:
    """The end of a part's log as lines to print below a sentence about it, with the path of the whole."""
    lines = part.last_lines(count)
    if not lines:
        return f" It logged nothing ({part.log})."
    return f" The end of {part.log}:\n" + "\n".join(f"    {line}" for line in lines)
