"""What is started to watch the stack, and how it is told of the stack."""

import json
import socket
from pathlib import Path

import pytest

from viva.errors import EngineUnavailable
from viva.stack import grafana, observers, prometheus
from viva.stack.plan import Place, plan
from viva.stack.ports import LOOPBACK, free_or_another, free_ports


def program(folder: Path, name: str) -> Path:
    """Something that can be run under this name."""
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def programs(tmp_path: Path, monkeypatch) -> Path:
    """A folder of programs; there are no others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(prometheus, "UNPACKED", tmp_path / "nothing")
    return folder


def test_every_service_is_a_target_with_the_labels_of_a_cluster(tmp_path, programs):
    """Rules and dashboards find namespace, release, component and pod; Redis has no metrics and is not asked."""
    program(programs, "prometheus")
    parts = plan(Place(tmp_path, 8123), {"VIVA_REDIS_URL": "redis://10.0.0.2:6379/0"})
    (part,) = observers.observers(Place(tmp_path, 8123), parts, {})
    config = json.loads((tmp_path / "prometheus" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert [each["labels"]["component"] for each in job["static_configs"]] == ["asr", "llm", "tts", "orchestrator"]
    assert job["static_configs"][-1]["targets"] == ["127.0.0.1:8123"]
    assert job["static_configs"][-1]["labels"]["namespace"] == "local"
    assert [Path(path).name for path in config["rule_files"]] == ["slo.yaml", "alerts.yaml"]
    assert all(Path(path).exists() for path in config["rule_files"])
    assert f"--web.listen-address={part.url.removeprefix('http://')}" in part.command
    assert part.url.startswith(f"http://{LOOPBACK}:")


def test_without_prometheus_a_sentence_says_what_to_do(tmp_path, programs):
    """Where it comes from here and elsewhere, and how to go without it."""
    with pytest.raises(EngineUnavailable, match=r"prometheus is not installed\. .*prometheus_env.*make run"):
        observers.observers(Place(tmp_path, 8123), [], {})


def test_grafana_is_started_where_it_is_installed(tmp_path, programs):
    """With the stack's Prometheus as its source, the chart's dashboards, on loopback, and nobody has to log in."""
    program(programs, "prometheus")
    found = program(programs, "grafana")
    home = tmp_path / "conf"
    home.mkdir()
    (home / "defaults.ini").write_text("")
    watching, part = observers.observers(Place(tmp_path, 8123), [], {"ELSE": "kept"})
    assert part.command[:2] == [str(found), "server"]
    assert part.environ["GF_SERVER_HTTP_ADDR"] == LOOPBACK
    assert part.url.endswith(f":{part.environ['GF_SERVER_HTTP_PORT']}")
    assert part.environ["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert part.environ["ELSE"] == "kept"
    provisioning = Path(part.environ["GF_PATHS_PROVISIONING"])
    (source,) = json.loads((provisioning / "datasources" / "viva.yaml").read_text())["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", watching.url, True)
    (provider,) = json.loads((provisioning / "dashboards" / "viva.yaml").read_text())["providers"]
    assert {path.name for path in Path(provider["options"]["path"]).iterdir()} >= {"viva-voice.json"}


def test_an_archive_of_grafana_knows_its_home(tmp_path, programs, monkeypatch):
    """The older program's name, and the folder above it, unless GF_PATHS_HOME names another."""
    found = program(programs, "grafana-server")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "defaults.ini").write_text("")
    monkeypatch.setattr(grafana, "_HOMES", ())
    assert grafana.find_grafana() == [str(found), "--homepath", str(tmp_path)]
    monkeypatch.setenv("GF_PATHS_HOME", "/elsewhere")
    assert grafana.find_grafana() == [str(found), "--homepath", "/elsewhere"]


def test_a_taken_port_is_no_reason_not_to_start():
    """Another one is used; a free one is taken as it is."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_or_another(port) != port
    (free,) = free_ports(1)
    assert free_or_another(free) == free


def test_without_the_rules_a_sentence_says_where_they_are(tmp_path, programs, monkeypatch):
    """An installed package has them not."""
    program(programs, "prometheus")
    monkeypatch.setattr(observers, "RULES", (tmp_path / "slo.yaml",))
    with pytest.raises(EngineUnavailable, match="clone of the repository"):
        observers.observers(Place(tmp_path, 8123), [], {})
