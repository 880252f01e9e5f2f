"""Gauges of the replicas, read when they are asked for, so that none outlives its replica."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from viva_llm.router import Router

_STATES = ("up", "half_open", "ejected", "unreachable")


class ReplicaMetrics(Collector):
    """Labels are bounded: backends by name from the policy, states from our own list. Addresses are in /status."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def collect(self) -> Iterator[Metric]:
        """The gauges of this moment."""
        replicas = GaugeMetricFamily(
            "viva_llm_replicas", "Replicas by state: up, half_open, ejected, unreachable", labels=("backend", "state")
        )
        in_flight = GaugeMetricFamily("viva_llm_in_flight", "Requests under way from this router", labels=("backend",))
        for backend in self._router.backends.values():
            states = Counter(replica.health.state for replica in backend.replicas.values())
            for state in _STATES:
                replicas.add_metric((backend.name, state), states[state])
            in_flight.add_metric((backend.name,), sum(replica.in_flight for replica in backend.replicas.values()))
        yield replicas
        yield in_flight
