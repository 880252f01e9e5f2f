"""Draws a dashboard as a web page: its panels, its thresholds and its units, with series that Prometheus returned."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

COLUMNS, ROW_HEIGHT, GAP = 24, 30, 8
COLOURS = ("#3274d9", "#e0752d", "#56a64b", "#8f3bb8", "#c4162a", "#1f9d9a", "#b08900", "#6d7278")
NAMED = {"green": "#3d9142", "orange": "#e0752d", "red": "#c4162a", "blue": "#3274d9", "transparent": "none"}
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 34, 46
STYLE = """
body { margin: 0; background: #f4f5f5; font: 12px Inter, "Segoe UI", "DejaVu Sans", sans-serif; color: #24292e; }
h1 { font-size: 17px; font-weight: 600; margin: 0; padding: 14px 16px 2px; }
#board { position: relative; }
.panel { position: absolute; background: #fff; border: 1px solid #e1e3e6; border-radius: 3px; overflow: hidden; }
.row { position: absolute; font-weight: 600; padding: 6px 8px; }
.panel h2 { font-size: 12.5px; font-weight: 600; margin: 0; padding: 8px 10px; }
.panel .figure { position: absolute; left: 0; right: 0; top: 38px; text-align: center; }
.panel .figure { font-size: 32px; font-weight: 600; }
svg { position: absolute; left: 0; top: 0; } svg text { font-size: 10.5px; fill: #6a7077; }
.legend { position: absolute; left: 10px; right: 8px; bottom: 6px; white-space: nowrap; overflow: hidden; }
.legend i { display: inline-block; width: 12px; height: 3px; border-radius: 2px; margin: 0 5px 3px 0; }
.legend span { margin-right: 8px; font-size: 10.5px; }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name in the legend, and seconds and values."""

    name: str
    points: tuple[tuple[float, float], ...]


Answer = Callable[[str, str], list[Line]]
"""From a query and its legend to its series."""


def page(dashboard: dict, answer: Answer, width: int, rows: Sequence[str]) -> str:
    """The rows of a dashboard with these titles as HTML, one below the other."""
    parts, top = [], 0
    for row in _rows(dashboard):
        if row[0]["title"] not in rows:
            continue
        base = row[0]["gridPos"]["y"]
        for panel in row:
            parts.append(_drawn(panel, answer, width / COLUMNS, top - base))
        top += max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in row) - base
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><h1>{escape(dashboard['title'])}</h1>"
        f'<div id="board" style="height:{top * ROW_HEIGHT + GAP}px">{"".join(parts)}</div>'
    )


def _rows(dashboard: dict) -> list[list[dict]]:
    """The panels, a list for each row, which comes first in it."""
    rows: list[list[dict]] = []
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            rows.append([])
        rows[-1].append(panel)
    return rows


def _drawn(panel: dict, answer: Answer, unit: float, down: int) -> str:
    """A panel at its place, `down` units of the grid below where the dashboard has it."""
    place = panel["gridPos"]
    x, y = place["x"] * unit, (place["y"] + down) * ROW_HEIGHT
    width, height = place["w"] * unit, place["h"] * ROW_HEIGHT
    if panel["type"] == "row":
        return f'<div class="row" style="left:{x + GAP:.0f}px;top:{y:.0f}px">{escape(panel["title"])}</div>'
    width, height = width - GAP, height - GAP
    style = f"left:{x + GAP / 2:.0f}px;top:{y + GAP / 2:.0f}px;width:{width:.0f}px;height:{height:.0f}px"
    series = [line for target in panel["targets"] for line in answer(target["expr"], target.get("legendFormat", ""))]
    inner = _figure(panel, series, width, height) if panel["type"] == "stat" else _chart(panel, series, width, height)
    return f'<div class="panel" style="{style}"><h2>{escape(panel["title"])}</h2>{inner}</div>'


def _figure(panel: dict, series: list[Line], width: float, height: float) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    points = series[0].points if series else ()
    if not points:
        return '<div class="figure" style="color:#9aa0a6">–</div>'
    last = points[-1][1]
    steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or last >= step["value"]]
    colour = NAMED.get(steps[-1]["color"], steps[-1]["color"])
    span = (points[0][0], points[-1][0])
    top = max((value for _, value in points), default=0) or 1
    placed = _placed(points, span, top, (0, width, height * 0.62, height))
    spark = f'<path d="{_area(placed, height)}" fill="{colour}" opacity=".12"/>' + _stroke(placed, colour, 1.2)
    text = f'<div class="figure" style="color:{colour}">{escape(shown(last, defaults["unit"]))}</div>'
    return f'<svg width="{width:.0f}" height="{height:.0f}">{spark}</svg>{text}'


def _chart(panel: dict, series: list[Line], width: float, height: float) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal"
    series = [line for line in series if line.points]
    if not series:
        return '<div class="legend">no data</div>'
    drawn = _stacked(series) if stacked else series
    limits = [step["value"] for step in defaults.get("thresholds", {}).get("steps", ()) if step["value"]]
    most = max(value for line in drawn for _, value in line.points)
    # A limit is shown where the lines come near it.
    top = _round_up(max([most, *(limit for limit in limits if limit <= 4 * most)]) * 1.05 or 1)
    span = (min(line.points[0][0] for line in drawn), max(line.points[-1][0] for line in drawn))
    box = (LEFT, width - RIGHT, TOP, height - BOTTOM)
    parts = [_axes(span, top, box, defaults["unit"]), *_lines(drawn, stacked, span, top, box)]
    parts += [
        _level(box, box[3] - (box[3] - box[2]) * limit / top, '#c4162a" stroke-dasharray="6 4')
        for limit in limits
        if limit <= top
    ]
    return f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(parts)}</svg>{_legend(series)}'


def _lines(drawn: list[Line], stacked: bool, span, top: float, box) -> list[str]:
    """The last one first, so that the first is in front."""
    parts = []
    for number, line in reversed(list(enumerate(drawn))):
        colour = COLOURS[number % len(COLOURS)]
        placed = _placed(line.points, span, top, box)
        below = _placed(drawn[number - 1].points, span, top, box) if stacked and number else None
        opacity = 0.75 if stacked else 0.07
        parts.append(f'<path d="{_area(placed, box[3], below)}" fill="{colour}" opacity="{opacity}"/>')
        parts.append(_stroke(placed, colour, 1.6))
    return parts


def _legend(series: list[Line]) -> str:
    names = "".join(
        f'<span><i style="background:{COLOURS[number % len(COLOURS)]}"></i>{escape(line.name)}</span>'
        for number, line in enumerate(series)
    )
    return f'<div class="legend">{names}</div>'


def _stacked(series: list[Line]) -> list[Line]:
    """Each line on top of those before it; a value that is missing adds nothing."""
    times = sorted({at for line in series for at, _ in line.points})
    below, done = dict.fromkeys(times, 0.0), []
    for line in series:
        values = dict(line.points)
        below = {at: below[at] + values.get(at, 0.0) for at in times}
        done.append(Line(line.name, tuple(below.items())))
    return done


def _placed(points: Sequence[tuple[float, float]], span, top: float, box) -> list[tuple[float, float]]:
    left, right, upper, lower = box
    wide = (span[1] - span[0]) or 1
    return [
        (left + (right - left) * (at - span[0]) / wide, lower - (lower - upper) * value / top) for at, value in points
    ]


def _stroke(placed: list[tuple[float, float]], colour: str, width: float) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"/>'


def _area(placed: list[tuple[float, float]], bottom: float, below: list[tuple[float, float]] | None = None) -> str:
    under = list(reversed(below)) if below else [(placed[-1][0], bottom), (placed[0][0], bottom)]
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in [*placed, *under]) + "Z"


def _level(box, at: float, stroke: str) -> str:
    return f'<line x1="{box[0]}" x2="{box[1]:.0f}" y1="{at:.1f}" y2="{at:.1f}" stroke="{stroke}"/>'


def _axes(span: tuple[float, float], top: float, box, unit: str) -> str:
    left, right, upper, lower = box
    parts = []
    for step in range(5):
        at = lower - (lower - upper) * step / 4
        label = escape(shown(top * step / 4, unit))
        parts.append(_level(box, at, "#eceef0"))
        parts.append(f'<text x="{left - 6}" y="{at + 3.5:.1f}" text-anchor="end">{label}</text>')
    every = next(seconds for seconds in (15, 30, 60, 120, 300, 900, 3600) if (span[1] - span[0]) / seconds <= 5)
    for at in range(math.ceil(span[0] / every) * every, int(span[1]) + 1, every):
        x = min(left + (right - left) * (at - span[0]) / (span[1] - span[0]), right - 18)
        label = time.strftime("%H:%M:%S" if every < 60 else "%H:%M", time.gmtime(at))
        parts.append(f'<text x="{x:.0f}" y="{lower + 15:.0f}" text-anchor="middle">{label}</text>')
    return "".join(parts)


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8 times a power of ten: its quarters are round, too."""
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * 0.999)


def shown(value: float, unit: str) -> str:
    """A value with its unit, as Grafana writes it."""
    if unit == "s":
        return f"{value:.3g} s" if value >= 1 or value == 0 else f"{1000 * value:.3g} ms"
    if unit == "percentunit":
        return f"{100 * value:.3g}%"
    if unit == "reqps":
        return f"{value:.2g} req/s"
    return f"{value:.3g}"
