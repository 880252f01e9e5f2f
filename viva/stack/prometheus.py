"""A Prometheus of the stack's own: it scrapes the services, keeps what they say, and evaluates the chart's rules."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from viva.errors import EngineUnavailable
from viva.stack.part import Part
from viva.stack.ports import LOOPBACK, answers_ok

UNPACKED = Path(sys.prefix) / "prometheus" / "usr"
"""Where scripts/prometheus_env puts Debian's packages."""
NAMESPACE, RELEASE = "local", "viva"
"""What rules and dashboards call the stack of this machine."""
SCRAPE_EVERY_S = 5.0


def find_program(*names: str) -> str:
    """The path of the first of these programs that there is. Raises EngineUnavailable where there is none."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path=str(UNPACKED / "bin"))
        if found:
            return found
    raise EngineUnavailable(
        f"{names[0]} is not installed. scripts/prometheus_env fetches it on Debian and Ubuntu (make observe does that "
        "by itself); elsewhere: brew install prometheus alertmanager, or prometheus.io/download. "
        "make run starts Viva without it."
    )


def configuration(
    parts: Sequence[Part], rules: Sequence[Path], *, every_s: float = SCRAPE_EVERY_S, alertmanager: str = ""
) -> dict:
    """What Prometheus reads: the services among `parts` as targets, with the labels that a cluster would give them.

    `alertmanager` is the host and port that alerts are sent to; empty: they are only shown.
    """
    targets = [
        {
            "targets": [part.url.removeprefix("http://")],
            "labels": {"namespace": NAMESPACE, "release": RELEASE, "component": part.name, "pod": part.name},
        }
        for part in parts
        if part.url.startswith("http://")
    ]
    written = {
        "global": {"scrape_interval": _duration(every_s), "evaluation_interval": _duration(every_s)},
        "rule_files": [str(path.resolve()) for path in rules],
        "scrape_configs": [{"job_name": "viva", "static_configs": targets}],
    }
    if alertmanager:
        written["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return written


def prometheus_part(folder: Path, port: int, config: dict, environ: dict[str, str]) -> Part:
    """The server on loopback with its data and configuration in `folder`. Raises EngineUnavailable without one."""
    program = find_program("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config, indent=2))  # which is YAML, too
    url = f"http://{LOOPBACK}:{port}"
    command = [
        program,
        f"--config.file={file.resolve()}",
        f"--storage.tsdb.path={(folder / 'data').resolve()}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    if program.startswith(str(UNPACKED)):  # Debian's looks for the page's files where a package would have put them
        command.append(f"--web.local-assets={UNPACKED / 'share' / 'prometheus' / 'web'}")
    return Part("prometheus", command, environ, url, lambda: answers_ok(f"{url}/-/ready"))


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
