"""Prometheus metrics of one service, on a registry of its own (no module-level state)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from viva.service.tracing import NO_TRACER, Tracer, current_span

# Seconds that matter to a voice: from a cache hit to a turn that nobody waits for any more.
VOICE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 30.0)


class ExemplarHistogram(Histogram):
    """A histogram that notes with each value which span it was observed in, so that a dashboard leads to its trace."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Observes a value, in seconds."""
        if exemplar is None and (ids := current_span().ids) is not None:
            exemplar = {"trace_id": ids[0], "span_id": ids[1]}
        super().observe(amount, exemplar)


class ServiceMetrics:
    """The registry and the HTTP metrics that all services have. Services add their own on `registry`."""

    def __init__(self, tracer: Tracer = NO_TRACER) -> None:
        disable_created_metrics()
        self._histogram = ExemplarHistogram if tracer.enabled else Histogram
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.requests = self.counter(
            "viva_http_requests_total", "HTTP requests by route and status", ("route", "method", "status")
        )
        self.request_seconds = self.histogram(
            "viva_http_request_seconds", "Time to the end of the response", ("route",)
        )
        self.shed = self.counter(
            "viva_requests_shed_total",
            "Work refused because a limit of this service was reached, by the limit: turns, realtime_connections, "
            "requests, queued_audio, recordings, streams",
            ("reason",),
        )
        self.retried = self.counter(
            "viva_requests_retried_total",
            "Requests made again after a stage could not be reached or broke off, by what came of it: ok, failed",
            ("stage", "outcome"),
        )

    def counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        """A counter on this registry; its name ends in _total."""
        return Counter(name, text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        """A gauge on this registry."""
        return Gauge(name, text, labels, registry=self.registry)

    def histogram(
        self, name: str, text: str, labels: tuple[str, ...] = (), buckets: tuple[float, ...] = VOICE_BUCKETS
    ) -> Histogram:
        """A histogram of seconds on this registry; its name ends in _seconds."""
        return self._histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition page and its content type: OpenMetrics, which has exemplars, for who accepts it."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class BoundedLabel:
    """Values of a label that come from elsewhere: the first `most` different ones are kept, the rest are `other`.

    Error codes and names of backends may come from a server that is not ours. One that made up a new one each time
    would otherwise fill the memory of this service, and of Prometheus.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value, or `other`."""
        if value in self._known:
            return value
        if len(self._known) >= self._most or len(value) > 100:
            return "other"
        self._known.add(value)
        return value
