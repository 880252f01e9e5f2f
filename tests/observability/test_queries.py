"""Every query of the dashboards, and every part of the alerts, asked of a real Prometheus: it has data."""

import json
import math
import re

import pytest

from .api import wait_for
from .queries import DASHBOARDS, PanelQuery, panel_queries, rules, substituted
from .watched import Watched

SOON_S = 20.0  # the traffic has been made, and scraped
NEVER_HERE = {
    'status="429"': "no service of this stack answers so: only a router whose every model server does",
}
"""Parts of alerts that no healthy way leads to here; promtool's tests have them."""


def numbers(series: list[dict]) -> list[float]:
    """The values that are numbers."""
    return [value for each in series if not math.isnan(value := float(each["value"][1]))]


@pytest.mark.parametrize("query", list(panel_queries()), ids=str)
def test_every_panel_has_data(under_load: Watched, query: PanelQuery):
    """With the variables' values in it, the query gives numbers: names, labels and units are the services' own."""
    expression = substituted(query.expression)
    # Over the time of the traffic, which is over: what is looked at are the last ten minutes.
    recent = f"max_over_time(({expression})[10m:1s])"
    found = wait_for(f"data for {expression}", lambda: numbers(under_load.prometheus.series(recent)), SOON_S)
    assert found


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_the_lists_to_choose_from_are_filled(under_load: Watched, path):
    """label_values(METRIC, LABEL) of each variable finds this stack's namespace and release."""
    variables = json.loads(path.read_text())["templating"]["list"]
    queries = {each["name"]: each["query"] for each in variables if each["type"] == "query"}
    assert set(queries) == {"namespace", "release"}
    for name, expected in (("namespace", "local"), ("release", "viva")):
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", substituted(queries[name])).groups()
        assert expected in under_load.prometheus.label_values(metric, label)


def selectors(rule: dict) -> list[str]:
    """The selectors of a rule's expression, without what they are compared with."""
    return re.findall(r"[a-zA-Z_:][\w:]*\{[^}]*\}|\b(?:viva|vllm|DCGM)\w*:?\w*:?\w*", rule["expr"])


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}")
def test_every_alert_looks_at_series_that_are_there(under_load: Watched, rule: dict):
    """Each of its selectors finds series that real services, or the pages of vLLM and DCGM, have."""
    asked = [each for each in selectors(rule) if not any(part in each for part in NEVER_HERE)]
    assert asked
    for selector in asked:
        recent = f"last_over_time({selector}[15m])"
        wait_for(f"series of {selector}", lambda recent=recent: under_load.prometheus.series(recent), SOON_S)


@pytest.mark.parametrize("rule", rules("record"), ids=lambda rule: f"{rule['record']} {rule.get('labels', {})}")
def test_every_recording_rule_records(under_load: Watched, rule: dict):
    """It evaluates without an error and gives a number."""
    recent = f"last_over_time({rule['record']}[15m])"
    wait_for(recent, lambda: numbers(under_load.prometheus.series(recent)), SOON_S)


def test_the_shares_of_bad_events_are_those_of_the_traffic(under_load: Watched):
    """Turns were shed in front of the one place, and some began without a second thought: both are counted."""
    shed = 'viva:slo_bad:ratio_1h{slo="admission"}'
    (share,) = wait_for("the share of refused turns", lambda: numbers(under_load.prometheus.series(shed)))
    counted = {
        each["metric"]["outcome"]: float(each["value"][1])
        for each in under_load.prometheus.series("sum by (outcome) (viva_turns_total)")
    }
    assert counted["done"] > 0
    assert counted["shed"] > 0
    assert 0 < share < 1


def test_slow_answers_lead_to_their_traces(under_load: Watched):
    """Prometheus has scraped and kept the exemplars of the histogram: each names a trace."""
    found = under_load.prometheus.exemplars("viva_first_audio_seconds_bucket")
    traces = [each["labels"]["trace_id"] for series in found for each in series["exemplars"]]
    assert traces
    assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)
