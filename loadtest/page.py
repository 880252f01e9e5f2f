"""The report as one HTML file that needs nothing else."""

from collections.abc import Sequence
from html import escape
from typing import Any

from loadtest.plots import Series, lines, shares
from loadtest.table import named_engines

Report = dict[str, Any]
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1e293b;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:0}h2{font-size:1.1rem;margin:2rem 0 .4rem}svg{width:100%;height:auto}
table{border-collapse:collapse;width:100%}td,th{text-align:right;padding:.2rem .5rem;border-bottom:1px solid #e2e8f0}
td:first-child,th:first-child{text-align:left}.grid{stroke:#e2e8f0}text{font-size:11px;fill:#475569}
.x{text-anchor:middle}.y{text-anchor:end;dominant-baseline:middle}.name{text-anchor:middle}
svg .name{transform:rotate(-90deg);transform-box:fill-box;transform-origin:center}
.legend span{margin-right:1.2rem;font-size:.85rem}
.legend i{display:inline-block;width:1em;height:.25em;margin:0 .4em .2em 0}
.bad{color:#b91c1c;font-weight:600}.good{color:#047857}.none,.note{color:#64748b}
pre{background:#f1f5f9;padding:.8rem;overflow:auto;font-size:.8rem}
"""


def page(report: Report, scenario_text: str) -> str:
    """The page; `scenario_text` is the scenario's file."""
    name = escape(report["scenario"]["name"])
    machine = report["machine"]
    about = (
        f"{report['started']}, {report['seconds']:.0f} s at {report['url']}; callers on {machine['processor']}, "
        f"{machine['cores']} cores, {machine['load']:.1f} processes already running; "
        f"engines: {', '.join(named_engines(report['engines'])) or 'unknown'}"
    )
    parts = [
        f"<h1>Load test: {name}</h1><p class='note'>{escape(about)}</p>",
        _thresholds(report),
        _turns(report),
        _steps(report),
        "<h2>Time to the first audible sample</h2>",
        _first_audible(report),
        "<h2>The course of the run</h2>",
        _course(report),
        "<h2>Where the time went</h2>",
        _times(report),
        _parts(report),
        f"<h2>The scenario</h2><pre>{escape(scenario_text)}</pre>",
    ]
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{name}</title>"
    body = "".join(parts)
    return f"<!doctype html><html lang='en'><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n"


def _thresholds(report: Report) -> str:
    if not report["thresholds"]:
        return ""
    rows = [
        (
            one["name"],
            one["value"],
            f"{'≤' if one['kind'] == 'at_most' else '≥'} {one['limit']:g}",
            "<span class='good'>holds</span>" if one["ok"] else "<span class='bad'>broken</span>",
        )
        for one in report["thresholds"]
    ]
    return "<h2>Thresholds</h2>" + _table(("figure", "value", "wanted", ""), rows)


def _turns(report: Report) -> str:
    parts = {"all": report["turns"]} | {name: part["turns"] for name, part in report["by_transport"].items()}
    rows = [
        (name, t["asked"], t["done"], t["interrupted"], *(_counts(t[n]) for n in ("shed_codes", "failed", "degraded")))
        for name, t in parts.items()
    ]
    generator = report["generator"]
    late = f"it was {generator['late_p95_ms']} ms late (p95)"
    note = f"<p class='note'>The generator kept {generator['cpu_share']:.2f} of a core busy; {late}.</p>"
    head = ("questions", "asked", "done", "interrupted", "refused", "failed", "degraded")
    return "<h2>Questions</h2>" + _table(head, rows) + note


def _steps(report: Report) -> str:
    steps = report["steps"]
    if not steps:
        return ""
    offered = [step["asked_per_s"] for step in steps]
    useful = Series("answered in time", [(at, s["useful_per_s"]) for at, s in zip(offered, steps, strict=True)])
    asked = Series("asked", [(at, at) for at in offered], dashed=True)
    heard = [
        Series(f"first audible, {p}", [(at, s["first_audible"][p]) for at, s in zip(offered, steps, strict=True)])
        for p in ("p50", "p95")
    ]
    refused = Series("refused within, p95", [(at, s["shed"]["p95"]) for at, s in zip(offered, steps, strict=True)])
    return (
        "<h2>Over capacity</h2>"
        + lines([useful, asked], x="questions asked in a second", y="questions a second")
        + lines(heard, x="questions asked in a second", y="ms")
        + lines([refused], x="questions asked in a second", y="ms")
        + _table(_STEP_HEAD, [_step(step) for step in steps])
    )


_STEP_HEAD = (
    "times capacity",
    "asked a second",
    "in time a second",
    "refused",
    "failed",
    "audible p50",
    "audible p95",
    "refused p95",
)


def _step(step: dict[str, Any]) -> tuple[object, ...]:
    heard, shed, turns = step["first_audible"], step["shed"], step["turns"]
    failed = sum(turns["failed"].values())
    asked, useful = step["asked_per_s"], step["useful_per_s"]
    return f"{step['factor']:g}", asked, useful, turns["shed"], failed, heard["p50"], heard["p95"], shed["p95"]


def _first_audible(report: Report) -> str:
    series = [Series("all", shares(report["times_ms"]["first_audible"]["samples"]))]
    transports = report["by_transport"]
    if len(transports) > 1:
        series += [Series(name, shares(p["times_ms"]["first_audible"]["samples"])) for name, p in transports.items()]
    return lines(series, x="milliseconds since the end of speech", y="% of answers", most=100)


def _course(report: Report) -> str:
    seconds = report["timeline"]
    counts = [
        Series(text, [(s["at_s"], s[name]) for s in seconds])
        for name, text in (("asked", "asked"), ("done", "done"), ("shed", "refused"))
    ]
    times = [(s["at_s"], s["first_audible_p95_ms"]) for s in seconds if s["first_audible_p95_ms"] is not None]
    return lines(counts, x="seconds", y="questions a second") + lines(
        [Series("first audible, p95", times)], x="seconds", y="ms"
    )


def _times(report: Report) -> str:
    figures = ("n", "mean", "p50", "p95", "p99", "max")
    rows = [(name, *(time[f] for f in figures)) for name, time in report["times_ms"].items() if time["n"]]
    return _table(("ms", *figures), rows)


def _parts(report: Report) -> str:
    if not report["resources"]:
        return ""
    rows = [
        (name, report["engines"].get(name, ""), _cpu_ms(u["cpu_s_per_turn"]), f"{u['rss_bytes'] / 2**20:.0f}")
        for name, u in report["resources"].items()
    ]
    return "<h2>What it took</h2>" + _table(("part", "engine", "CPU ms an answer", "MiB"), rows)


def _cpu_ms(seconds: float | None) -> str | None:
    return None if seconds is None else f"{1000 * seconds:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Cells that begin with a tag are ours; all else is text."""
    header = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{header}</tr>{body}</table>"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    text = str(value)
    return text if text.startswith("<span class=") else escape(text)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "0"
