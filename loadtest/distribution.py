"""Many values as a few: percentiles, and a thinned sample for plots and for whoever simulates."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

MOST_SAMPLES = 2000


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share (0 to 1) of them lies, between neighbours in proportion. Of one or more."""
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def distribution(values: Iterable[float | None]) -> dict[str, Any]:
    """n, mean, p50, p95, p99, max and samples, in the values' own unit; None where there are no values.

    Samples keep the order of the values: those of two distributions of the same turns belong together.
    """
    given = [value for value in values if value is not None]
    ordered = sorted(given)
    if not ordered:
        return {"n": 0, "mean": None, "p50": None, "p95": None, "p99": None, "max": None, "samples": []}
    figures = {f"p{round(share * 100)}": round(percentile(ordered, share), 1) for share in (0.5, 0.95, 0.99)}
    mean = round(sum(ordered) / len(ordered), 1)
    return {"n": len(ordered), "mean": mean, **figures, "max": round(ordered[-1], 1), "samples": thinned(given)}


def thinned(values: Sequence[float], most: int = MOST_SAMPLES) -> list[float]:
    """At most so many of them in their order, at even distances, the first and the last among them."""
    if len(values) <= most:
        return [round(value, 1) for value in values]
    last = len(values) - 1
    return [round(values[round(at * last / (most - 1))], 1) for at in range(most)]
