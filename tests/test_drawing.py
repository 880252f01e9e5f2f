"""The picture of a dashboard: what is drawn of which series."""

import json
import re
from pathlib import Path

import pytest

from observability import drawing

ROOT = Path(__file__).parents[1]


def voice() -> dict:
    """The dashboard of the README's picture."""
    return json.loads((ROOT / "charts" / "viva" / "files" / "dashboards" / "viva-voice.json").read_text())


def test_rows_that_are_not_asked_for_are_left_out_and_leave_no_gap():
    """The panels of the second row begin right below its title."""
    line = drawing.Line("p95", ((0.0, 0.5), (60.0, 1.5)))
    html = drawing.page(voice(), lambda _query, _legend: [line], 1280, ["How soon"])
    titles = re.findall(r"<h2>(.*?)</h2>", html)
    assert titles[0] == "Time to first audio"
    assert "First audio, p95" not in titles
    assert int(re.search(r'id="board" style="height:(\d+)px', html)[1]) == 17 * drawing.ROW_HEIGHT + drawing.GAP


def test_a_promise_is_drawn_where_the_lines_come_near_it():
    """The dashed line is at 2 s; for answers of a few milliseconds the axis is not stretched to it."""
    for value, drawn in ((1.5, True), (0.02, False)):
        line = drawing.Line("p95", ((0.0, value), (60.0, value)))
        html = drawing.page(voice(), lambda _query, _legend, line=line: [line], 1280, ["How soon"])
        assert ("stroke-dasharray" in html) == drawn


def test_a_panel_without_series_says_so():
    """A query that found nothing is no empty picture."""
    html = drawing.page(voice(), lambda _query, _legend: [], 1280, ["Now", "How soon"])
    assert html.count("no data") == 6
    assert html.count(">–<") == 6


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.115, "s", "115 ms"), (2.5, "s", "2.5 s"), (0.954, "percentunit", "95.4%"), (0.5, "reqps", "0.5 req/s")],
)
def test_values_are_written_with_their_units(value, unit, text):
    """As Grafana writes them."""
    assert drawing.shown(value, unit) == text
