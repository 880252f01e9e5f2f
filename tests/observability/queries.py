"""The queries of the dashboards and of the rules, as files have them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
FILES = ROOT / "charts" / "viva" / "files"
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))
RULES = (FILES / "slo.yaml", FILES / "alerts.yaml")
VALUES = {"namespace": "local", "release": ".*", "__rate_interval": "15s"}


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query of a panel, with Grafana's variables in it."""

    dashboard: str
    panel: str
    legend: str
    expression: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.legend}"


def panel_queries() -> Iterator[PanelQuery]:
    """Every query of every panel."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield PanelQuery(path.stem, panel["title"], target.get("legendFormat", ""), target["expr"])


def substituted(expression: str) -> str:
    """What Grafana sends: with its variables' values."""
    return re.sub(r"\$(\w+)", lambda found: VALUES[found[1]], expression)


def rules(kind: str) -> list[dict]:
    """The rules of a kind, `alert` or `record`, of both files."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]
