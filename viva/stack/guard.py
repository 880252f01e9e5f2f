"""Ends the stack's processes when the launcher cannot: run as a process of its own, outside the launcher's group.

It reads process group numbers from stdin: "12" to watch over, "-12" to forget. The end of stdin means that the
launcher is gone, however that happened (kill -9 included): every group it still knows is told to stop, and then
made to. It imports nothing but the standard library, so that it starts in a few milliseconds.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_S = 3.0
_LOOK_EVERY_S = 0.05


def watch_over(lines) -> set[int]:
    """The groups that are left when `lines` end."""
    groups: set[int] = set()
    for line in lines:
        with contextlib.suppress(ValueError):
            number = int(line)
            if number > 0:
                groups.add(number)
            else:
                groups.discard(-number)
    return groups


def end(groups: set[int], grace_s: float = GRACE_S) -> None:
    """SIGTERM to every group, and SIGKILL to those with members left after `grace_s` seconds."""
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Whether the group was there to be signalled."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end(watch_over(sys.stdin))


if __name__ == "__main__":
    main()
