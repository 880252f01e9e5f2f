"""Runbooks, rules and dashboards are in step; what takes a Prometheus to see is in tests/observability."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from observability.objectives import CALLERS_OWN, FAILED
from viva.stack.environment import known_variables

ROOT = Path(__file__).parents[1]
FILES = ROOT / "charts" / "viva" / "files"
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.stem != "README")


def alerts() -> set[str]:
    """The names of all alerts."""
    groups = [
        group for name in ("slo.yaml", "alerts.yaml") for group in yaml.safe_load((FILES / name).read_text())["groups"]
    ]
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def test_what_is_written_from_the_objectives_is_up_to_date():
    """Dashboards, rules and the table of objectives are what scripts/observability writes."""
    check = subprocess.run(
        [sys.executable, ROOT / "scripts" / "observability", "--check"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr


def test_every_alert_has_its_page_and_stands_in_the_list():
    """And there is no page of an alert that is gone."""
    assert {path.stem for path in PAGES} == alerts()
    index = (RUNBOOKS / "README.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (?:critical|warning)", index, re.MULTILINE)
    assert {name for name, _ in listed} == alerts()
    assert all(name == page for name, page in listed)


@pytest.mark.parametrize("code", CALLERS_OWN)
def test_what_the_objectives_leave_out_is_a_code_that_the_services_have(code: str):
    """It is raised, or is the name of an outcome, and the protocol explains it: none is a pattern, or of yesterday."""
    roots = (ROOT / "viva", ROOT / "services" / "orchestrator" / "viva_orchestrator")
    sources = [path for root in roots for path in root.rglob("*.py")]
    raised = re.compile(rf'\b(?:code|default_code|outcome)\b.{{0,9}}= ?"{code}"')
    assert any(raised.search(path.read_text()) for path in sources)
    if code != "cancelled":
        assert f"`{code}`" in (ROOT / "docs" / "protocol.md").read_text()


@pytest.mark.parametrize("code", ["lecture_failed", "model_not_found", "audio_not_supported", "invalid_json"])
def test_what_the_service_does_wrong_counts_as_failed(code: str):
    """A lecture that was not transcribed, a model that is not there, a request of ours that a stage cannot read."""
    assert not re.fullmatch(FAILED.removeprefix('outcome!~"').removesuffix('"'), code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_says_what_to_do(page: Path):
    """What it means, who feels it, how to look, how to mend; and each setting that it names is one."""
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["What it means", "Who feels it", "How to look", "How to mend"]
    assert set(re.findall(r"VIVA_[A-Z_]+", text)) <= known_variables()


def test_the_dashboards_to_import_are_those_of_the_chart():
    """k8s/grafana has the same files, byte for byte."""
    ours = {path.name: path.read_bytes() for path in (FILES / "dashboards").iterdir()}
    assert len(ours) == 4
    assert {path.name: path.read_bytes() for path in (ROOT / "k8s" / "grafana").glob("*.json")} == ours


def test_dashboards_lead_to_runbooks_and_to_traces():
    """Every linked runbook exists; every query of a histogram asks for exemplars, and each panel says what it shows."""
    for path in (FILES / "dashboards").iterdir():
        for panel in json.loads(path.read_text())["panels"]:
            for link in panel.get("links", ()):
                assert re.fullmatch(r"\$\{runbooks\}/(\w+)\.md", link["url"])[1] in alerts()
            if panel["type"] != "row":
                assert panel["description"], panel["title"]
                assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            for target in panel.get("targets", ()):
                assert target.get("exemplar", False) == ("_bucket{" in target["expr"]), target["expr"]
