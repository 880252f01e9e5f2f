"""The report on a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

_TIMES = {
    "first_audible": "end of speech to the first audible sample",
    "asr": "hearing the question",
    "recall": "lecture and history",
    "llm_first_token": "first token (since the upload)",
    "first_sentence": "first clause (since the upload)",
    "tts_first_audio": "first clause spoken",
    "total": "whole turn",
    "gap": "gaps in playback",
    "shed": "until a refusal",
}


def named_engines(engines: Mapping[str, Any]) -> list[str]:
    """ "asr fake:fake" and so on: what hears, answers and speaks there."""
    return [f"{stage} {name}" for stage, name in engines.items()]


def show(report: dict[str, Any], console: Console) -> None:
    """Prints what came of the run."""
    turns = report["turns"]
    failed = ", ".join(f"{code} {count}" for code, count in turns["failed"].items()) or "none"
    refused = ", ".join(f"{code} {count}" for code, count in turns["shed_codes"].items()) or "none"
    degraded = ", ".join(f"{name} {count}" for name, count in turns["degraded"].items()) or "none"
    console.print(f"\n[bold]{report['scenario']['name']}[/bold], {report['seconds']:.0f} s at {report['url']}")
    console.print(
        f"asked {turns['asked']}, done {turns['done']}, interrupted {turns['interrupted']}; "
        f"refused: {refused}; failed: {failed}; degraded: {degraded}"
    )
    if report["engines"]:
        console.print(f"engines: {', '.join(named_engines(report['engines']))}", markup=False, highlight=False)
    console.print(_times(report["times_ms"]))
    if report["steps"]:
        console.print(_steps(report["steps"]))
    generator = report["generator"]
    console.print(
        f"the generator kept {generator['cpu_share']:.2f} of a core busy, "
        f"and was {generator['late_p95_ms']:.1f} ms late (p95)"
    )
    for error in generator["errors"]:
        console.print(f"an error of the generator: {error}", style="red", markup=False)
    for one in report["thresholds"]:
        sign = "≤" if one["kind"] == "at_most" else "≥"
        mark = "[green]✓[/green]" if one["ok"] else "[red]✗[/red]"
        console.print(f"{mark} {one['name']} {one['value']} {sign} {one['limit']}")


def _times(times: dict[str, Any]) -> Table:
    table = Table("ms", "n", "p50", "p95", "p99", "max")
    for name, text in _TIMES.items():
        figures = times[name]
        if figures["n"]:
            table.add_row(text, str(figures["n"]), *(f"{figures[p]:.0f}" for p in ("p50", "p95", "p99", "max")))
    return table


def _steps(steps: list[dict[str, Any]]) -> Table:
    table = Table("times", "asked/s", "useful/s", "done", "refused", "failed", "first audible p50, p95", "refusal p95")
    for step in steps:
        turns, heard = step["turns"], step["first_audible"]
        table.add_row(
            f"{step['factor']:g}",
            f"{step['asked_per_s']:.1f}",
            f"{step['useful_per_s']:.1f}",
            str(turns["done"]),
            str(turns["shed"]),
            str(sum(turns["failed"].values())),
            f"{heard['p50']:.0f}, {heard['p95']:.0f} ms" if heard["n"] else "",
            f"{step['shed']['p95']:.0f} ms" if step["shed"]["n"] else "",
        )
    return table
