"""The signals that ask a launcher to stop (Ctrl-C, SIGTERM, a closed terminal), and when they may interrupt it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked the launcher to stop. Not an Exception: nothing on the way up may take it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def stop_signals_raise() -> Iterator[None]:
    """Inside, a stop signal raises Stopped. SIGHUP stays ignored where it was (nohup).

    SIGINT does not: a script's background job inherits it ignored, and whoever sends it there means it.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stopped(number)

    with _handled_by(stop, but_not_nohup=True):
        yield


@contextmanager
def signals_noted(noted: list[int]) -> Iterator[None]:
    """Inside, stop signals are only appended to `noted`."""
    with _handled_by(lambda number, _frame: noted.append(number)):
        yield


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Inside, stop signals wait; the first one arrives at the end. For what must not be left half done."""
    noted: list[int] = []
    with signals_noted(noted):
        yield
    if noted:
        signal.raise_signal(noted[0])


@contextmanager
def _handled_by(handler, *, but_not_nohup: bool = False) -> Iterator[None]:
    before = {}
    try:
        for number in STOP_SIGNALS:
            if not (but_not_nohup and number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN):
                before[number] = signal.signal(number, handler)
    except ValueError:  # another thread than the main one: signals do not arrive here
        yield
        return
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
