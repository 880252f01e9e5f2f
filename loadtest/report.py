"""The report of a run as one JSON object."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtest import results
from loadtest.machine import Machine
from loadtest.scenario import Scenario
from loadtest.thresholds import judged, transports


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of a run."""

    started: str
    """UTC, as 2026-01-31T12:00:00Z."""
    url: str
    machine: Machine
    engines: Mapping[str, Any]
    rows: list[results.Row]
    generator: Mapping[str, Any]
    """What the generator wrote about itself."""
    places: Mapping[str, Mapping[str, float]]
    """Workers of asr and tts of a local stack, and for how many milliseconds a turn had one on average."""
    resources: Mapping[str, Mapping[str, float]]
    """CPU seconds and resident bytes of each part of a local stack; empty for any other."""


def build(run: Run, scenario: Scenario) -> dict[str, Any]:
    """The report, not yet judged."""
    stepped = bool(run.generator["steps"])
    counted = [row for row in run.rows if row["step"] >= 0 and (stepped or row["at_s"] >= scenario.warm_up_s)]
    steps = results.steps(counted, run.generator["steps"], scenario.slo_s) if len(scenario.arrivals.steps) > 1 else []
    turns = results.turns(counted)
    return {
        "viva_loadtest": 1,
        "started": run.started,
        "seconds": run.generator["seconds"],
        "url": run.url,
        "machine": asdict(run.machine),
        "engines": dict(run.engines),
        "scenario": scenario.model_dump(mode="json", exclude_none=True),
        "generator": dict(run.generator["generator"]),
        "turns": turns,
        "times_ms": results.times_ms(counted),
        "by_transport": results.by_transport(counted, transports(scenario)),
        "answers": results.answers(counted),
        "places": dict(run.places),
        "resources": _per_turn(run),
        "timeline": results.timeline(counted),
        "steps": steps,
        "overload": results.overload(steps),
        "probe": run.generator["probe"],
        "thresholds": [],
        "passed": None,
    }


def judge(report: dict[str, Any], scenario: Scenario) -> dict[str, Any]:
    """The same with the scenario's thresholds, and whether all of them hold."""
    thresholds = judged(report, scenario.limits)
    return report | {"thresholds": thresholds, "passed": all(one["ok"] for one in thresholds)}


def _per_turn(run: Run) -> dict[str, Any]:
    # CPU was counted through all of the run: each answer of it counts, those of the probe and of the warm-up, too.
    # A refusal costs next to nothing, and as a turn it would make the others look cheap.
    done = sum(row["outcome"] == "done" for row in run.rows)
    return {
        name: {
            "cpu_s_per_turn": round(used["cpu_s"] / done, 5) if done else None,
            "rss_bytes": int(used["rss_bytes"]),
        }
        for name, used in run.resources.items()
    }


def write(report: dict[str, Any], path: Path) -> None:
    """Writes it as JSON."""
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
