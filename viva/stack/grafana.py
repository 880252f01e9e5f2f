"""A Grafana of the stack's own, where one is installed: the dashboards of the chart on the stack's Prometheus."""

import json
import os
import shutil
from pathlib import Path

from viva.stack.part import Part
from viva.stack.ports import LOOPBACK, answers_ok

_HOMES = (
    Path("/usr/share/grafana"),
    Path("/opt/homebrew/opt/grafana/share/grafana"),
    Path("/usr/local/opt/grafana/share/grafana"),
)
"""Where packages put what the server reads; GF_PATHS_HOME names another place."""
SOURCE = "viva-prometheus"


def find_grafana() -> list[str] | None:
    """The command of an installed Grafana server with the folder it reads, or None."""
    program = shutil.which("grafana") or shutil.which("grafana-server")
    if program is None:
        return None
    command = [program, "server"] if Path(program).name == "grafana" else [program]
    named = os.environ.get("GF_PATHS_HOME")
    beside = Path(program).resolve().parents[1]  # as in the archive that Grafana is downloaded in
    home = next((path for path in (*_HOMES, beside) if (path / "conf" / "defaults.ini").exists()), None)
    if named or home:
        command += ["--homepath", named or str(home)]
    return command


def grafana_part(
    folder: Path, port: int, prometheus_url: str, dashboards: Path, environ: dict[str, str], command: list[str]
) -> Part:
    """The server on loopback, provisioned: nobody logs in, and everybody sees the dashboards."""
    _provision(folder / "provisioning", prometheus_url, dashboards)
    settings = {
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_PATHS_DATA": str((folder / "data").resolve()),
        "GF_PATHS_LOGS": str((folder / "logs").resolve()),
        "GF_PATHS_PROVISIONING": str((folder / "provisioning").resolve()),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
    }
    url = f"http://{LOOPBACK}:{port}"
    return Part("grafana", command, {**environ, **settings}, url, lambda: answers_ok(f"{url}/api/health"))


def _provision(folder: Path, prometheus_url: str, dashboards: Path) -> None:
    source = {"name": "Viva", "uid": SOURCE, "type": "prometheus", "url": prometheus_url, "isDefault": True}
    provider = {"name": "viva", "type": "file", "options": {"path": str(dashboards.resolve())}}
    _write(folder / "datasources" / "viva.yaml", {"apiVersion": 1, "datasources": [{**source, "access": "proxy"}]})
    _write(folder / "dashboards" / "viva.yaml", {"apiVersion": 1, "providers": [provider]})


def _write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))  # which is YAML, too
