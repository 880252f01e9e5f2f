"""Speech made faster or slower without a change of pitch, a block at a time. No I/O."""

from collections.abc import Iterator

import av
from av.filter import Graph

_LEAST_STEP = 0.5  # FFmpeg's atempo goes no lower; slower than that takes two of them


class Tempo:
    """FFmpeg's atempo on s16le mono at `rate_hz`: feed blocks of whole samples, then flush once.

    `speed` is 0.25 to 4: 2 halves the duration.
    """

    def __init__(self, speed: float, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._graph = None if speed == 1.0 else _graph(speed, rate_hz)

    def feed(self, pcm: bytes) -> bytes:
        """Take samples and return those that are ready, perhaps none."""
        if self._graph is None or not pcm:
            return pcm
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = self._rate_hz
        frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
        self._graph.push(frame)
        return b"".join(self._ready())

    def flush(self) -> bytes:
        """The last samples."""
        if self._graph is None:
            return b""
        self._graph.push(None)
        return b"".join(self._ready())

    def _ready(self) -> Iterator[bytes]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield bytes(frame.planes[0])[: frame.samples * 2]


def _graph(speed: float, rate_hz: int) -> Graph:
    graph = Graph()
    steps = [speed] if speed >= _LEAST_STEP else [_LEAST_STEP, speed / _LEAST_STEP]
    source = graph.add_abuffer(format="s16", sample_rate=rate_hz, layout="mono")
    filters = [graph.add("atempo", f"{step:.6f}") for step in steps]
    graph.link_nodes(source, *filters, graph.add("abuffersink")).configure()
    return graph
