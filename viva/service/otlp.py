"""Traces by OpenTelemetry's SDK, sent by OTLP over HTTP. Imported only where traces are asked for.

What the SDK reads from the environment by itself holds: OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES,
OTEL_EXPORTER_OTLP_HEADERS and the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from contextvars import Token
from types import TracebackType

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter
from starlette.types import Scope

import viva
from viva.errors import VivaError
from viva.service.metrics import ServiceMetrics
from viva.service.tracing import CURRENT, NOT_TRACED, Attribute, Span, Tracer

# What waits to be sent; more, and the oldest are dropped. A turn has about ten.
QUEUE_SPANS = 4096
# How long a stop waits for a collector.
LAST_S = 2.0

_CONTEXT = TraceContextTextMapPropagator()
_QUIET_METHODS = {"GET", "HEAD", "OPTIONS"}


class TracedSpan(Span):
    """A span of OpenTelemetry's; whether it is sent is the sampler's decision, which its parts share."""

    __slots__ = ("_span", "_tokens", "_tracer", "ids")

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span
        self._tokens: list[Token[Span]] = []
        context = span.get_span_context()
        self.ids = (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.trace_flags.sampled else None

    def stage(self, name: str, **attributes: Attribute) -> Span:
        """A part of this work."""
        above = trace.set_span_in_context(self._span)
        return TracedSpan(self._tracer, self._tracer.start_span(name, above, attributes=_named(attributes)))

    def active(self) -> Span:
        """This is the current span for a while."""
        return _Active(self)

    def set(self, **attributes: Attribute | None) -> None:
        """Notes attributes."""
        self._span.set_attributes(_named(attributes))

    def event(self, name: str, **attributes: Attribute) -> None:
        """Notes that something happened just now."""
        self._span.add_event(name, _named(attributes))

    def rename(self, name: str) -> None:
        """Gives it another name."""
        self._span.update_name(name)

    def end(self) -> None:
        """The work is over."""
        self._span.end()

    def headers(self) -> dict[str, str]:
        """`traceparent`, and `tracestate` where there is one."""
        headers: dict[str, str] = {}
        _CONTEXT.inject(headers, trace.set_span_in_context(self._span))
        return headers

    def failed(self, error: BaseException) -> None:
        """Notes with what it ended."""
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.set(cancelled=True)
            return
        code = error.code if isinstance(error, VivaError) else type(error).__name__
        self._span.set_status(trace.StatusCode.ERROR, code)

    def __enter__(self) -> Span:
        self._tokens.append(CURRENT.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        CURRENT.reset(self._tokens.pop())
        if error is not None:
            self.failed(error)
        self._span.end()


class _Active(Span):
    """Makes a span the current one without ending it."""

    __slots__ = ("_of", "_token")

    def __init__(self, of: TracedSpan) -> None:
        self._of = of

    def __enter__(self) -> Span:
        self._token = CURRENT.set(self._of)
        return self._of

    def __exit__(self, *_error: object) -> None:
        CURRENT.reset(self._token)


class OTLPTracer(Tracer):
    """Sends spans in batches, from a thread of its own; a collector that is away costs a turn nothing."""

    enabled = True

    def __init__(self, service: str, endpoint: str, *, continues_only: bool, trusts_callers: bool) -> None:
        self._endpoint = endpoint
        self._continues_only = continues_only
        self._trusts_callers = trusts_callers
        about = Resource({"service.name": service, "service.version": viva.__version__})
        self._provider = TracerProvider(
            resource=Resource.create().merge(about).merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._tracer = self._provider.get_tracer("viva", viva.__version__)

    def start(self, metrics: ServiceMetrics) -> None:
        """Begins to send; how many spans were sent and lost is counted."""
        spans = spans_counter(metrics)
        # Without an address of ours the exporter takes the standard variables, which name the path for traces, too.
        url = self._endpoint.rstrip("/") + "/v1/traces" if self._endpoint else None
        self._provider.add_span_processor(_Bounded(OTLPSpanExporter(url), spans))

    def begin(self, name: str, **attributes: Attribute) -> Span:
        """A span within the current one, or a trace of its own."""
        above = CURRENT.get()
        if above is not NOT_TRACED:
            return above.stage(name, **attributes)
        return TracedSpan(self._tracer, self._tracer.start_span(name, attributes=_named(attributes)))

    def request(self, scope: Scope) -> Span:
        """The span of a request: a part of the caller's trace, or a trace of its own for what is not a mere look.

        A caller who is not trusted does not decide what is sampled: a trace that he brings is linked, not gone on with.
        """
        carrier = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        above = _CONTEXT.extract(carrier) if carrier else None
        caller = trace.get_current_span(above).get_span_context() if above is not None else None
        known = caller is not None and caller.is_valid
        continued = known and self._trusts_callers
        if not continued and (scope["method"] in _QUIET_METHODS or (self._continues_only and not known)):
            return NOT_TRACED
        about = {"kind": trace.SpanKind.SERVER}
        if continued:
            return TracedSpan(self._tracer, self._tracer.start_span(scope["method"], above, **about))
        links = [trace.Link(caller)] if known else []
        return TracedSpan(self._tracer, self._tracer.start_span(scope["method"], links=links, **about))

    async def close(self) -> None:
        """Sends what is left, for two seconds at most: a collector that is away must not hold up a stop."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()

        def stop() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # nobody waits for it any more
                loop.call_soon_threadsafe(stopped.set)

        threading.Thread(target=stop, name="traces", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await stopped.wait()


def spans_counter(metrics: ServiceMetrics) -> Counter:
    """What becomes of the spans; there only where traces are sent."""
    return metrics.counter(
        "viva_spans_total",
        "Spans of traces: exported, failed (the collector did not take them), dropped (too many waited); only where "
        "traces are sent",
        ("outcome",),
    )


class _Bounded(SpanProcessor):
    """The SDK's batches, with a count of what the full queue pushed out, which the SDK tells nobody."""

    def __init__(self, exporter: SpanExporter, spans: Counter) -> None:
        self._waiting = 0
        self._lock = threading.Lock()
        self._dropped = spans.labels("dropped")
        counted = _Counted(exporter, spans, self._taken)
        self._batches = BatchSpanProcessor(counted, max_queue_size=QUEUE_SPANS)

    def on_start(self, span: trace.Span, parent_context: object = None) -> None:
        """Nothing to do yet."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queues it, in the place of the oldest when there is no room."""
        if not span.context.trace_flags.sampled:
            return
        with self._lock:
            if self._waiting >= QUEUE_SPANS:
                self._dropped.inc()
            else:
                self._waiting += 1
        self._batches.on_end(span)

    def _taken(self, count: int) -> None:
        with self._lock:
            self._waiting -= count

    def shutdown(self) -> None:
        """Sends what waits, and stops."""
        self._batches.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what waits."""
        return self._batches.force_flush(timeout_millis)


class _Counted(SpanExporter):
    """Counts what became of the spans."""

    def __init__(self, exporter: SpanExporter, spans: Counter, taken: Callable[[int], None]) -> None:
        self._exporter = exporter
        self._taken = taken
        self._exported, self._failed = spans.labels("exported"), spans.labels("failed")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends a batch."""
        self._taken(len(spans))
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            (self._exported if result is SpanExportResult.SUCCESS else self._failed).inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Stops; a batch that is being tried again is given up."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


def _named(attributes: dict[str, Attribute | None]) -> dict[str, Attribute]:
    return {f"viva.{name}": value for name, value in attributes.items() if value is not None}
