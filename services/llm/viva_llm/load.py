"""What a vLLM server says of its own load in its /metrics. No I/O."""

import re
from dataclasses import dataclass

_LINE = re.compile(
    rb"^vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc|prefix_cache_queries|prefix_cache_hits)"
    rb"(?:_total)?(?:\{[^\n]*\})? (\S+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests in the batch and before it, how much of the KV cache is used (0 to 1), tokens looked up in the prefix
    cache and found there, both since the server's start. Several models or engines in one server are added up."""

    running: int
    waiting: int
    kv_usage: float
    prefix_queries: int
    prefix_hits: int

    @property
    def prefix_hit_rate(self) -> float | None:
        """The part of all prompt tokens that came from the cache; None before the first."""
        return self.prefix_hits / self.prefix_queries if self.prefix_queries else None


def parse_load(page: bytes) -> Load | None:
    """The load on a page of metrics; None when it is not vLLM's."""
    found: dict[bytes, list[float]] = {}
    for name, value in _LINE.findall(page):
        try:
            found.setdefault(name, []).append(float(value))
        except ValueError:
            return None
    if b"num_requests_running" not in found:
        return None
    total = {name: sum(values) for name, values in found.items()}
    return Load(
        running=_whole(total.get(b"num_requests_running", 0)),
        waiting=_whole(total.get(b"num_requests_waiting", 0)),
        kv_usage=max(found.get(b"kv_cache_usage_perc", [0.0])),
        prefix_queries=_whole(total.get(b"prefix_cache_queries", 0)),
        prefix_hits=_whole(total.get(b"prefix_cache_hits", 0)),
    )


def _whole(value: float) -> int:
    return int(value) if 0 <= value < 1e18 else 0
