"""What watches the stack: Prometheus with the chart's rules, and Grafana with its dashboards where it is installed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from viva.errors import EngineUnavailable
from viva.stack.grafana import find_grafana, grafana_part
from viva.stack.part import Part
from viva.stack.plan import Place
from viva.stack.ports import free_or_another
from viva.stack.prometheus import configuration, prometheus_part

FILES = Path(__file__).parents[2] / "charts" / "viva" / "files"
RULES = (FILES / "slo.yaml", FILES / "alerts.yaml")
DASHBOARDS = FILES / "dashboards"
PROMETHEUS_PORT, GRAFANA_PORT = 9090, 3000
"""Where people look for them; others if these are taken."""


def observers(place: Place, parts: Sequence[Part], environ: Mapping[str, str]) -> list[Part]:
    """The parts that watch `parts`. Raises EngineUnavailable where there is no Prometheus, or no rules."""
    if not all(path.exists() for path in RULES):
        raise EngineUnavailable(f"The rules are not in {FILES}: --observe needs a clone of the repository.")
    prometheus = prometheus_part(
        place.folder / "prometheus",
        free_or_another(PROMETHEUS_PORT),
        configuration(parts, RULES),
        dict(environ),
    )
    command = find_grafana()
    if command is None:
        return [prometheus]
    port = free_or_another(GRAFANA_PORT)
    folder = place.folder / "grafana"
    return [prometheus, grafana_part(folder, port, prometheus.url, DASHBOARDS, dict(environ), command)]
