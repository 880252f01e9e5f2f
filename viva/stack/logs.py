"""Follows the parts' log files, to show on a terminal what they write."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from viva.stack.part import RunningPart


class LogTail:
    """Gives the lines that have been written since the last look, each once and only when complete."""

    def __init__(self, parts: Sequence[RunningPart]) -> None:
        self._parts = parts
        self._read: dict[Path, int] = {}

    def new_lines(self) -> Iterator[tuple[str, str]]:
        """Part name and line."""
        for part in self._parts:
            if not part.log.exists():
                continue
            with part.log.open("rb") as log:
                log.seek(self._read.get(part.log, 0))
                complete, end, _rest = log.read().rpartition(b"\n")
            self._read[part.log] = self._read.get(part.log, 0) + len(complete) + len(end)
            for line in complete.decode(errors="replace").splitlines():
                yield part.name, line
