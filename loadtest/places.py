"""How long requests kept a worker of asr and tts, from what the stages count themselves."""

import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from viva.stack.stack import Stack

PATIENCE_S = 5.0
HELD = {"asr": ("viva_asr_engine_seconds", None), "tts": ("viva_tts_first_byte_seconds", "viva_tts_queue_wait_seconds")}
"""The histogram of the time that a worker was kept; and one that is part of it and was only waiting."""


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


def totals(stack: Stack) -> dict[str, tuple[Total, Total]]:
    """What asr and tts have counted so far."""
    found = {}
    for name, (kept, waiting) in HELD.items():
        page = _get(f"{stack[name].part.url}/metrics").decode()
        found[name] = (total(page, kept), total(page, waiting) if waiting else Total(0.0, 0.0))
    return found


def places(stack: Stack, before: Mapping[str, tuple[Total, Total]]) -> dict[str, dict[str, float]]:
    """Workers of each, and for how many milliseconds a request had one since `before`; none of what was not used."""
    found = {}
    for name, (kept, waiting) in totals(stack).items():
        held_ms = (kept - before[name][0]).mean_ms - (waiting - before[name][1]).mean_ms
        if held_ms > 0 and (workers := _workers(orjson.loads(_get(f"{stack[name].part.url}/status")))):
            found[name] = {"places": workers, "held_ms": round(held_ms, 1)}
    return found


def _workers(status: Mapping[str, Any]) -> int | None:
    return status.get("workers") or (status.get("load") or {}).get("workers")


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
        return response.read()
