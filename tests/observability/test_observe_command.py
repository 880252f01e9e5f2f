"""`viva run --observe` as a process: Prometheus beside the stack, with its targets and rules, and gone with it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from viva.stack.ports import LOOPBACK, free_ports

from .api import Prometheus, wait_for
from .queries import rules
from .watched import START_S, clean_environment

STOPS_S = 60.0
# Answers like Grafana's health check, at the address that it is told.
PRETENDED_GRAFANA = f"""#!{sys.executable}
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
address = os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"])
http.server.HTTPServer(address, Handler).serve_forever()
"""


@contextmanager
def observed(folder: Path, path: str) -> Iterator[tuple[subprocess.Popen, Path]]:
    """`viva run --observe`, up, and the file that it prints into."""
    printed = folder / "printed.txt"
    environ = clean_environment() | {
        "VIVA_DATA_DIR": str(folder / "data"),
        "VIVA_PORT": str(free_ports(1)[0]),
        "PATH": f"{path}:{os.environ['PATH']}",
    }
    with printed.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "viva.cli", "run", "--observe"],
            env=environ,
            stdout=out,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        wait_for("it is up", lambda: "Ctrl-C stops" in printed.read_text() or process.poll() is not None, START_S)
        assert process.poll() is None, printed.read_text()
        yield process, printed
    finally:
        process.kill()
        process.wait()


def test_prometheus_comes_with_the_stack_and_goes_with_it(tmp_path: Path):
    """Its address is printed and on loopback, each service is up in it, each rule evaluated; Ctrl-C ends it, too."""
    programs = tmp_path / "bin"
    programs.mkdir()
    grafana = programs / "grafana-server"
    grafana.write_text(PRETENDED_GRAFANA)
    grafana.chmod(0o755)
    with observed(tmp_path, str(programs)) as (process, printed):
        text = printed.read_text()
        url = re.search(rf"Prometheus, .+: (http://{LOOPBACK}:\d+)\n", text)[1]
        page = httpx.get(url, trust_env=False, follow_redirects=True)
        scripts = re.findall(r'<script [^>]*src="([^"]+)"', page.text)
        assert scripts
        for script in scripts:  # without them the page is there and does nothing
            assert httpx.get(f"{url}{script}", trust_env=False).status_code == 200, script
        dashboards = re.search(rf"Grafana, .+: (http://{LOOPBACK}:\d+)/dashboards", text)[1]
        assert httpx.get(f"{dashboards}/api/health", trust_env=False).status_code == 200
        prometheus = Prometheus(url)
        wait_for("four services up", lambda: sorted(prometheus.targets().items()) == [
            ("asr", "up"), ("llm", "up"), ("orchestrator", "up"), ("tts", "up"),
        ])  # fmt: skip
        assert len(prometheus.rules()) == len(rules("alert")) + len(rules("record"))
        wait_for("rules evaluated", lambda: set(prometheus.rules().values()) == {"ok"})
        family = psutil.Process(process.pid).children(recursive=True)
        assert any("prometheus" in each.name() for each in family)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(STOPS_S) == 0
        assert printed.read_text().endswith("Everything has stopped.\n")
    _gone, left = psutil.wait_procs(family, timeout=STOPS_S)
    assert left == []
