"""The samples that may still be needed, and where in the connection's audio they lie."""

from __future__ import annotations

_BYTES = 2


class KeptAudio:
    """s16le mono; every sample has a number, counted from the first that was ever added."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self.first = 0
        """The number of the oldest sample that is kept."""

    @property
    def end(self) -> int:
        """The number that the next sample will have."""
        return self.first + len(self._pcm) // _BYTES

    def add(self, pcm: bytes) -> None:
        """Take whole samples."""
        self._pcm += pcm

    def between(self, first: int, end: int) -> bytes:
        """The samples [first, end), as far as they are kept."""
        start = max(first - self.first, 0) * _BYTES
        return bytes(self._pcm[start : max(end - self.first, 0) * _BYTES])

    def drop_before(self, sample: int) -> None:
        """Forget what lies before this sample."""
        dropped = min(max(sample, self.first), self.end) - self.first
        del self._pcm[: dropped * _BYTES]
        self.first += dropped
