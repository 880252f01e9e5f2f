"""Every metric that a rule, dashboard, scaler or adapter asks for is one that the services, or vLLM, have."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from viva.client import VivaClient

from .chart import CHART, render
from .combinations import ALL, S3, STAGES, every_stage
from .manifests import Rendered
from .promql import label_names_grouped_by, metrics_of

RECORDED = tomllib.loads((Path(__file__).parent / "recorded.toml").read_text())
TARGET_LABELS = {"namespace", "pod", "component", "release", "instance", "job", "le"}
"""Given by the scrape, whichever way; `le` is the buckets'."""
RENAMED = {"exported_namespace", "exported_pod", "exported_container"}
"""What an exporter's own labels become where the scrape has given such labels, too."""
PAGES = Path(__file__).parents[1] / "observability" / "pages"
PROMETHEUS_OWN = {"up": set()}
"""What no page has: Prometheus writes it about each target."""
EVERYTHING = {
    "checkApis": False,
    "objectStore": S3,
    "monitoring": {
        "prometheusRule": {"enabled": True},
        "dashboards": {"enabled": True},
        "prometheusAdapter": {"enabled": True},
    },
    "vllm": {"groups": {"qwen": {"profile": "qwen2.5-omni-3b", "autoscaling": {"enabled": True}}}},
    **every_stage(autoscaling={"load": {"enabled": True}}),
}


@pytest.fixture(scope="module")
def pages(running, lecture, recordings) -> dict[str, str]:
    """/metrics of each running service, after a spoken question."""
    with VivaClient(running["orchestrator"].url) as client:
        list(client.ask(None, lecture.lecture_id, recordings[1]))
    return {stage: httpx.get(f"{running[stage].url}/metrics").text for stage in STAGES}


@pytest.fixture(scope="module")
def known(pages: dict[str, str]) -> dict[str, set[str]]:
    """Names of samples and the labels that they have, "*" where no sample has been made yet."""
    found: dict[str, set[str]] = {}
    for page in pages.values():
        for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            found |= {name + suffix: found.get(name + suffix, {"*"}) for suffix in suffixes}
        for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", page, re.MULTILINE):
            found[name] = found.get(name, set()) - {"*"} | set(re.findall(r'(\w+)="', labels))
    for others in RECORDED.values():
        names = [*others["gauges"], *(f"{name}_total" for name in others["counters"])]
        names += [f"{name}_bucket" for name in others["histograms"]]
        found |= {name: set(others["labels"]) for name in names}
    for page in PAGES.glob("*.txt"):
        for name, labels in re.findall(r"^((?:DCGM_|vllm:)\w+)\{(.*)\}", page.read_text(), re.MULTILINE):
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels), RENAMED)
    return found | recorded_by_rules() | PROMETHEUS_OWN


def recorded_by_rules() -> dict[str, set[str]]:
    """The series that the rules make themselves, with the labels that they give and keep."""
    (manifest,) = render(EVERYTHING).kind("PrometheusRule")
    made: dict[str, set[str]] = {}
    for rule in (rule for group in manifest["spec"]["groups"] for rule in group["rules"] if "record" in rule):
        made[rule["record"]] = {*rule.get("labels", {}), *label_names_grouped_by(rule["expr"])}
    return made


def expressions(rendered: Rendered) -> Iterator[tuple[str, str]]:
    """Every PromQL expression of a release with the place that it stands in."""
    for manifest in rendered.kind("PrometheusRule"):
        for group in manifest["spec"]["groups"]:
            yield from ((f"rule {rule.get('alert', rule.get('record'))}", rule["expr"]) for rule in group["rules"])
    for manifest in rendered.kind("ScaledObject"):
        for trigger in manifest["spec"]["triggers"]:
            if "query" in trigger["metadata"]:
                yield f"scaler {manifest['metadata']['name']}", trigger["metadata"]["query"]
    for manifest in rendered.kind("ConfigMap"):
        for name, text in manifest["data"].items():
            if name.endswith(".json"):
                yield from ((f"dashboard {name}", each) for each in re.findall(r'"expr": ("(?:[^"\\]|\\.)*")', text))


def every_expression() -> list[tuple[str, str]]:
    """With the HPA and with KEDA, each expression once."""
    found = [*expressions(render(EVERYTHING)), *expressions(render(EVERYTHING | {"autoscaling": {"mode": "keda"}}))]
    return list(dict.fromkeys((place, json.loads(text) if text.startswith('"') else text) for place, text in found))


def test_there_are_expressions_of_every_kind():
    """Alerts, panels of dashboards, and scalers of the four services and of vLLM."""
    places = {place.split()[0] for place, _ in every_expression()}
    assert places == {"rule", "dashboard", "scaler"}
    assert len({place for place, _ in every_expression() if place.startswith("scaler")}) == 5


@pytest.mark.parametrize(("place", "expression"), every_expression(), ids=str)
def test_every_metric_that_is_asked_for_exists(place: str, expression: str, known: dict[str, set[str]]):
    """Its name is in a real /metrics; the labels that are compared or grouped by are its own or the scrape's."""
    asked = list(metrics_of(expression))
    assert asked, place
    for each in asked:
        assert each.metric in known, f"{place}: {each.metric}"
        labels = known[each.metric] | TARGET_LABELS
        assert "*" in labels or each.labels <= labels, f"{place}: {each.metric}{set(each.labels)}"
    grouped = label_names_grouped_by(expression)
    all_labels = TARGET_LABELS.union(*(known[each.metric] for each in asked))
    assert "*" in all_labels or grouped <= all_labels, f"{place}: by {grouped}"


def test_the_adapter_serves_what_the_autoscalers_ask_for(known: dict[str, set[str]]):
    """The series of its rules exist, and each pods metric of an HPA comes out of one of them."""
    rendered = render(EVERYTHING)
    (config,) = [each for each in rendered.kind("ConfigMap") if each["metadata"]["name"].endswith("prometheus-adapter")]
    served = set()
    for rule in yaml.safe_load(config["data"]["rules.yaml"]):
        series = [asked.metric for asked in metrics_of(rule["seriesQuery"])]
        assert set(series) <= set(known)
        served.update([rule["name"]["as"]] if "name" in rule else series)
    wanted = {
        metric["pods"]["metric"]["name"]
        for manifest in rendered.kind("HorizontalPodAutoscaler")
        for metric in manifest["spec"]["metrics"]
        if metric["type"] == "Pods"
    }
    assert len(wanted) == 5
    assert wanted <= served


def test_dashboards_use_the_namespace_and_source_that_are_chosen():
    """No panel shows another namespace's numbers, and no data source is written into it."""
    for path in (CHART / "files" / "dashboards").glob("*.json"):
        dashboard = json.loads(path.read_text())
        assert dashboard["uid"]
        for panel in (each for each in dashboard["panels"] if each["type"] != "row"):
            assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
            for target in panel["targets"]:
                assert target["datasource"]["uid"] == "${datasource}", panel["title"]
                assert 'namespace="$namespace"' in target["expr"], panel["title"]


def test_the_choices_of_a_dashboard_come_from_a_metric_that_is_there(known: dict[str, set[str]]):
    """label_values(METRIC, LABEL) fills the list of namespaces."""
    for path in (CHART / "files" / "dashboards").glob("*.json"):
        chosen = [
            each["query"] for each in json.loads(path.read_text())["templating"]["list"] if each["type"] == "query"
        ]
        asked = [re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", query) for query in chosen]
        assert asked
        assert all(found[1] in known and found[2] in TARGET_LABELS for found in asked), chosen


def alerts(rendered: Rendered) -> list[dict]:
    """The alerts of a release."""
    (rules,) = rendered.kind("PrometheusRule")
    return [rule for group in rules["spec"]["groups"] for rule in group["rules"] if "alert" in rule]


def test_every_alert_has_a_runbook_that_is_there():
    """The path of a page of this repository that is called like the alert."""
    found = alerts(render(EVERYTHING))
    assert len(found) > 10
    for rule in found:
        path = rule["annotations"]["runbook_url"]
        assert Path(path).stem == rule["alert"]
        assert (CHART.parents[1] / path).exists(), path


def test_runbooks_are_linked_where_they_are_published():
    """With an address for them, alerts and dashboards lead there, and no path of the repository is left."""
    monitoring = EVERYTHING["monitoring"] | {"runbooks": "https://wiki.example.com/viva/"}
    rendered = render(EVERYTHING | {"monitoring": monitoring})
    for rule in alerts(rendered):
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/viva/{rule['alert']}.md"
    dashboards = [each for each in rendered.kind("ConfigMap") if "-dashboard-" in each["metadata"]["name"]]
    assert len(dashboards) == 4
    for manifest in dashboards:
        (text,) = manifest["data"].values()
        assert "docs/runbooks" not in text
        (address,) = [each for each in json.loads(text)["templating"]["list"] if each["name"] == "runbooks"]
        assert address["query"] == "https://wiki.example.com/viva"


def test_pods_are_scraped_once(combination: str, rendered: Rendered):
    """By annotations or by a ServiceMonitor, never by both; each annotation names the pod's port and a real path."""
    for pod in rendered.pods:
        annotated = "prometheus.io/scrape" in pod.annotations
        assert not (annotated and rendered.kind("ServiceMonitor")), str(pod)
        if annotated:
            assert int(pod.annotations["prometheus.io/port"]) in pod.port_numbers.values()
            assert pod.annotations["prometheus.io/path"] == "/metrics"
        elif pod.is_service and pod.component != "redis":
            watched = ALL[combination].get("monitoring", {})
            assert rendered.kind("ServiceMonitor") or not watched.get("annotations", True), str(pod)


def test_an_unknown_metric_is_found(known: dict[str, set[str]]):
    """A name that vLLM had once is not known, nor is a misspelt one of ours."""
    (gone,) = metrics_of('sum(rate(vllm:time_per_output_token_seconds_bucket{engine="0"}[5m]))')
    assert gone.metric not in known
    assert "viva_active_turn" not in known
    assert known["viva_turns_total"] >= {"outcome", "transport", "degraded"}
