"""Stands in for what does not run here: pages of metrics whose counters go on, and a collector of traces."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_TYPE = re.compile(r"^# TYPE (\S+) (\S+)$")
_SAMPLE = re.compile(r"^([\w:]+)(\{.*\})? (\S+)$")
_STEP = 0.1  # of what was recorded, added at each look


class Page:
    """A recorded page, and what it has become at the so-and-so-manieth look."""

    def __init__(self, text: str, gauges: Mapping[str, float]) -> None:
        """`gauges` are values other than the recorded ones, of an idle server, by the metric's name."""
        self._lines = text.splitlines()
        self._gauges = gauges
        self._kinds = dict(found.groups() for line in self._lines if (found := _TYPE.match(line)))

    def at(self, look: int) -> str:
        """Counters and histograms have grown by the same at each look."""
        return "".join(self._line(line, look) + "\n" for line in self._lines)

    def _line(self, line: str, look: int) -> str:
        found = _SAMPLE.match(line)
        if found is None:
            return line
        name, labels, value = found.groups()
        if name in self._gauges:
            return f"{name}{labels or ''} {self._gauges[name]}"
        if not self._grows(name):
            return line
        return f"{name}{labels or ''} {float(value) * (1 + _STEP * look)}"

    def _grows(self, name: str) -> bool:
        histogram = re.sub(r"_(bucket|count|sum)$", "", name)
        return self._kinds.get(name) == "counter" or self._kinds.get(histogram) == "histogram"


@contextmanager
def served(path: Path, **gauges: float) -> Iterator[str]:
    """The host and port where the page is."""
    page = Page(path.read_text(), {name.replace("__", ":"): value for name, value in gauges.items()})
    looks = iter(range(1_000_000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page.at(next(looks)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    with _running(Handler) as address:
        yield address


@contextmanager
def trace_sink() -> Iterator[str]:
    """The URL of a collector that takes every trace and keeps none."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    with _running(Handler) as address:
        yield f"http://{address}"


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
