"""Whether a run was what its scenario asks for."""

from collections.abc import Mapping
from typing import Any

from loadtest import results
from loadtest.scenario import Limit, Scenario, WrongScenario, line_of

Report = dict[str, Any]


def figures(report: Report) -> dict[str, float | None]:
    """Every figure of a report that can have a threshold, by its name."""
    found: dict[str, float | None] = {}
    for name, time in report["times_ms"].items():
        found |= {f"{name}.{figure}": time[figure] for figure in ("mean", "p50", "p95", "p99", "max")}
    for transport, part in report["by_transport"].items():
        found |= {f"{transport}.{name}": value for name, value in _shares(part["turns"]).items()}
        found |= {f"{transport}.first_audible_p{p}": part["times_ms"]["first_audible"][f"p{p}"] for p in (50, 95, 99)}
    found |= {f"turns.{name}": value for name, value in _shares(report["turns"]).items()}
    found |= {f"generator.{name}": report["generator"].get(name) for name in ("cpu_share", "late_p95_ms")}
    found |= {f"overload.{name}": report.get("overload", {}).get(name) for name in _OVERLOAD}
    gaps, done = report["times_ms"]["gap"]["n"], report["turns"]["done"]
    return found | {"gap.per_turn": gaps / done if done else None}


_OVERLOAD = ("p95_ratio", "useful_share", "shed_p95_ms")


def _shares(turns: Mapping[str, Any]) -> dict[str, float | None]:
    asked = turns["asked"]
    failed = sum(turns["failed"].values())
    counts = {"done": turns["done"], "shed": turns["shed"], "failed": failed, "interrupted": turns["interrupted"]}
    counts["degraded"] = sum(turns["degraded"].values())
    shares = {f"{name}_share": count / asked if asked else None for name, count in counts.items()}
    return {"asked": asked, **counts, **shares}


def transports(scenario: Scenario) -> list[str]:
    """Those that callers come over."""
    return [name for name, weight in scenario.people.transports.items() if weight]


def names(scenario: Scenario) -> set[str]:
    """The figures that its report will have: those of a run in which nobody asked anything."""
    empty: Report = {
        "times_ms": results.times_ms([]),
        "by_transport": results.by_transport([], transports(scenario)),
        "turns": results.turns([]),
        "generator": {},
    }
    stepped = len(scenario.arrivals.steps) > 1
    return {name for name in figures(empty) if stepped or not name.startswith("overload.")}


def check(scenario: Scenario, text: str, where: str) -> None:
    """Raises WrongScenario, with the line in `text`, for a threshold on what its report will not have."""
    known = names(scenario)
    for name in scenario.limits:
        if name not in known:
            line = line_of(text, ("thresholds", *name.split(".", 1)))
            there_are = ", ".join(sorted(known))
            raise WrongScenario(f"{where}, line {line}: there is no figure {name!r}. There are: {there_are}.")


def judged(report: Report, limits: Mapping[str, Limit]) -> list[dict[str, Any]]:
    """Each threshold with its value; a figure that there is nothing for does not hold."""
    known = figures(report)
    found = []
    for name, limit in limits.items():
        value = known.get(name)
        within = value is not None and (
            value <= limit.at_most if limit.at_most is not None else value >= (limit.at_least or 0.0)
        )
        bound = {"limit": limit.at_most, "kind": "at_most"}
        if limit.at_most is None:
            bound = {"limit": limit.at_least, "kind": "at_least"}
        found.append({"name": name, **bound, "value": None if value is None else round(value, 3), "ok": within})
    return found
