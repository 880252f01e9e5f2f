"""The chart as Helm sees it: linted, rendered and packaged in process, with no cluster."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import helm_python

from .manifests import Rendered

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "viva"
RELEASE = "viva"
NAMESPACE = "lectures"
_WARNING = 2  # Helm's severities: 1 information, 2 warning, 3 error


def render(
    values: Mapping | None = None,
    *,
    chart: Path = CHART,
    release: str = RELEASE,
    namespace: str = NAMESPACE,
    upgrade: bool = False,
) -> Rendered:
    """What Helm makes of `values`, checked against the chart's schema first, as an install does."""
    return _render(json.dumps(values or {}, sort_keys=True), chart, release, namespace, upgrade)


@lru_cache(maxsize=256)
def _render(values: str, chart: Path, release: str, namespace: str, upgrade: bool) -> Rendered:
    with helm_python.Chart.load(chart) as loaded:
        given = json.loads(values)
        loaded.validate_schema(given)
        texts = loaded.render(
            given,
            name=release,
            namespace=namespace,
            revision=2 if upgrade else 1,
            is_install=not upgrade,
            is_upgrade=upgrade,
        )
    return Rendered.of(texts)


def forget() -> None:
    """What was rendered before is rendered anew."""
    _render.cache_clear()


def lint(values: Mapping, kubernetes: str) -> list[str]:
    """What `helm lint --strict` says of the chart with `values`, but for mere information."""
    report = helm_python.lint(CHART, dict(values), strict=True, namespace=NAMESPACE, kube_version=f"v{kubernetes}.0")
    said = [f"{found['path']}: {found['error']}" for found in report["messages"] if found["severity"] >= _WARNING]
    return said or report["errors"]


def defaults() -> dict:
    """The chart's values.yaml."""
    with helm_python.Chart.load(CHART) as loaded:
        return loaded.values
