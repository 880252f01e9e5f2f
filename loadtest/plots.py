"""Plots as inline SVG: lines over an axis, and the shares of a distribution. No script, no file from elsewhere."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 14, 38
COLOURS = ("#2563eb", "#ea580c", "#059669", "#7c3aed", "#475569")

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """A line with its name; points in the units of the axes, in the order of x, left out where y is None."""

    name: str
    points: Sequence[Point]
    dashed: bool = False


def lines(series: Sequence[Series], *, x: str, y: str, most: float | None = None) -> str:
    """The lines in one plot; `x` and `y` name the axes. `most` is where the y axis ends at the least."""
    known = [Series(one.name, [p for p in one.points if p[1] is not None], one.dashed) for one in series]
    shown = [one for one in known if one.points]
    if not shown:
        return '<p class="none">nothing was measured</p>'
    xs = [point[0] for one in shown for point in one.points]
    ys = [point[1] for one in shown for point in one.points]
    x_ticks = ticks(min(0.0, *xs), max(xs) or 1)
    y_ticks = ticks(0, max([*ys, most or 0]) or 1)
    across = _scale(x_ticks, LEFT, WIDTH - RIGHT)
    up = _scale(y_ticks, HEIGHT - BOTTOM, TOP)
    parts = [_axes(x_ticks, y_ticks, across, up, x, y)]
    for number, one in enumerate(shown):
        colour = COLOURS[number % len(COLOURS)]
        where = " ".join(f"{across(px):.1f},{up(py):.1f}" for px, py in one.points)
        dash = ' stroke-dasharray="5 4"' if one.dashed else ""
        parts.append(f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>')
        for px, py in one.points if len(one.points) < 20 else ():
            parts.append(f'<circle cx="{across(px):.1f}" cy="{up(py):.1f}" r="3" fill="{colour}"/>')
    body = "".join(parts)
    named = ", ".join(one.name for one in shown)
    picture = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(named)}">{body}</svg>'
    return picture + _legend([one.name for one in shown])


def shares(samples: Sequence[float]) -> list[Point]:
    """Each value in order, and the percentage of them that are not larger."""
    return [(value, 100 * (at + 1) / len(samples)) for at, value in enumerate(sorted(samples))]


def ticks(least: float, most: float, about: int = 6) -> list[float]:
    """Round numbers that cover the range."""
    rough = (most - least or 1) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.floor(least / step)
    last = math.ceil(most / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def _scale(over: Sequence[float], begin: float, end: float) -> Callable[[float], float]:
    least, most = over[0], over[-1]
    return lambda value: begin + (value - least) / (most - least) * (end - begin)


def _axes(
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    across: Callable[[float], float],
    up: Callable[[float], float],
    x: str,
    y: str,
) -> str:
    parts = []
    for tick in y_ticks:
        at = f"{up(tick):.1f}"
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at}" class="y">{tick:g}</text>')
    floor = HEIGHT - BOTTOM
    parts += [f'<text x="{across(tick):.1f}" y="{floor + 15}" class="x">{tick:g}</text>' for tick in x_ticks]
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 5}" class="x">{escape(x)}</text>')
    parts.append(f'<text x="12" y="{(TOP + floor) / 2}" class="name">{escape(y)}</text>')
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    items = "".join(
        f'<span><i style="background:{COLOURS[number % len(COLOURS)]}"></i>{escape(name)}</span>'
        for number, name in enumerate(names)
    )
    return f'<p class="legend">{items}</p>'
