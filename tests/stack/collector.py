"""An OpenTelemetry collector in little: takes spans by OTLP over HTTP on loopback, and keeps them."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened within a span, at this Unix time in ns."""

    name: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span as it came; times are Unix times in ns, ids hexadecimal, `parent_id` empty for a root."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, object]
    events: tuple[Event, ...]
    failed: bool
    links: tuple[tuple[str, str], ...]
    """Trace and span of each."""

    @property
    def ms(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1e6

    def event_ms(self, name: str, since: SeenSpan | None = None) -> float:
        """When something happened, in ms since the beginning of this span or another."""
        at_ns = next(event.at_ns for event in self.events if event.name == name)
        return (at_ns - (since or self).start_ns) / 1e6


class Collector:
    """Open between `with` and its end; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self._spans: list[SeenSpan] = []
        self._arrived = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if collector.status == 200 and self.path == "/v1/traces":
                    collector._take(ExportTraceServiceRequest.FromString(body))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Collector:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def spans(self) -> list[SeenSpan]:
        """What came so far."""
        with self._arrived:
            return list(self._spans)

    def wait_for(self, found: Callable[[list[SeenSpan]], bool], patience_s: float = 60.0) -> list[SeenSpan]:
        """All spans, once those that came are enough."""
        deadline = time.monotonic() + patience_s
        with self._arrived:
            while not found(self._spans):
                left = deadline - time.monotonic()
                assert left > 0, f"only these came: {[(span.service, span.name) for span in self._spans]}"
                self._arrived.wait(left)
            return list(self._spans)

    def _take(self, request: ExportTraceServiceRequest) -> None:
        with self._arrived:
            for resource in request.resource_spans:
                service = _values(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    self._spans += [_seen(str(service), span) for span in scope.spans]
            self._arrived.notify_all()


def _seen(service: str, span) -> SeenSpan:
    return SeenSpan(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _values(span.attributes),
        tuple(Event(event.name, event.time_unix_nano) for event in span.events),
        span.status.code == 2,
        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def _values(attributes) -> dict[str, object]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}
