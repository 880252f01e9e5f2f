"""How long requests kept a worker of asr and tts, from what the stages count themselves."""

import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from viva.stack.stack import Stack

PATIENCE_S = 5.0
HELD = {"asr": "viva_asr_engine_seconds", "tts": "viva_tts_engine_seconds"}
"""The histogram of the time for which a worker was kept."""


@dataclass(frozen=True, slots=True)
class Total:
    """A histogram's sum in seconds, and its count."""

    seconds: float
    count: float

    def __sub__(self, other: "Total") -> "Total":
        return Total(self.seconds - other.seconds, self.count - other.count)

    @property
    def mean_ms(self) -> float:
        """0 when nothing was counted."""
        return 1000 * self.seconds / self.count if self.count else 0.0


def total(page: str, histogram: str) -> Total:
    """All series of a histogram together, from a page of metrics."""
    sums = {
        part: sum(
            float(value) for value in re.findall(rf"^{histogram}_{part}(?:{{[^}}]*}})? (\S+)", page, re.MULTILINE)
        )
        for part in ("sum", "count")
    }
    return Total(sums["sum"], sums["count"])


def totals(stack: Stack) -> dict[str, Total]:
    """What asr and tts have counted so far."""
    return {name: total(_get(f"{stack[name].part.url}/metrics").decode(), kept) for name, kept in HELD.items()}


def places(stack: Stack, before: Mapping[str, Total], spoken: int) -> dict[str, dict[str, float]]:
    """Workers of each, and for how many milliseconds a turn had one since `before`; none of what was not used.

    A question is heard once, but an answer is spoken in clauses, so that tts counts over the turns that were `spoken`.
    """
    found = {}
    for name, now in totals(stack).items():
        since = now - before[name]
        held_ms = since.mean_ms if name == "asr" else Total(since.seconds, spoken).mean_ms
        if held_ms > 0 and (workers := _workers(orjson.loads(_get(f"{stack[name].part.url}/status")))):
            found[name] = {"places": workers, "held_ms": round(held_ms, 1)}
    return found


def _workers(status: Mapping[str, Any]) -> int | None:
    return status.get("workers") or (status.get("load") or {}).get("workers")


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
        return response.read()
