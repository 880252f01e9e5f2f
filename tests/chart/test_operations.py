"""docs/operations.md and k8s/README.md: every name, value, port, file and metric in them is there."""

import re
from functools import reduce
from pathlib import Path

import helm_python
import pytest

from .chart import ROOT, defaults, render
from .manifests import Rendered

DOCUMENTS = ("docs/operations.md", "k8s/README.md")
KINDS = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "service": "Service",
    "secret": "Secret",
    "pvc": "PersistentVolumeClaim",
}
MADE_BY_HAND = {"viva-elasticache", "viva-hub", "viva-redis-restore"}
"""Objects that the documents themselves make."""
OTHERWISE = {"viva-redis-0", "data-viva-redis-0", "viva-objects-change-me"}
"""The StatefulSet's pod and its claim, and the bucket."""


def merged(values: dict, more: dict) -> dict:
    """What Helm makes of two values files."""
    both = {**values}
    for key, value in more.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def is_there(path: str, values: dict) -> bool:
    """Whether the chart has a value at a path; a group has those of vllm.defaults, and an empty map takes any key."""
    at: object = values
    for key in re.sub(r"^vllm\.groups\.\w+", "vllm.defaults", path).split("."):
        if at == {}:
            return True
        if not isinstance(at, dict) or key not in at:
            return False
        at = at[key]
    return True


@pytest.fixture(scope="module")
def releases() -> list[Rendered]:
    """What the documents install: plain, with the values of k8s/, a shared volume of models, a group of one's own."""
    files = [
        helm_python.values_from_yaml((ROOT / "k8s" / f"values-{name}.yaml").read_text()) for name in ("eks", "gpu")
    ]
    models = {"models": {"volume": {"enabled": True}, "job": {"enabled": True}}, "asr": {"models": MODELS}}
    own = {"vllm": {"groups": {"own": {"profile": "qwen2.5-omni-3b"}}}}
    return [render(), render(reduce(merged, files)), render(models), render(own)]


MODELS = {"names": ["whisper-base.en"], "cache": "shared"}


@pytest.fixture(params=DOCUMENTS)
def text(request: pytest.FixtureRequest) -> str:
    return (ROOT / request.param).read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """The lines of code that begin with a program."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    programs = ("kubectl ", "helm ", "eksctl ", "curl ", "scripts/", "make ")
    return [line.strip() for line in lines if line.startswith("    ") and line.strip().startswith(programs)]


def spans(text: str) -> list[str]:
    """What stands between backticks, and the commands."""
    return re.findall(r"`([^`\n]+)`", text) + commands(text)


def test_every_object_is_one_that_the_chart_makes(text: str, releases: list[Rendered]):
    """Of the kind that is said, by the name that it has in a release called viva."""
    asked = re.findall(rf"\b({'|'.join(KINDS)})[/ ]((?:[a-z0-9]+-)+[a-z0-9]+)\b", text)
    for kind, name in asked:
        there = any(release.find(KINDS[kind], name) for release in releases)
        assert there or name in MADE_BY_HAND | OTHERWISE, f"{kind}/{name}"


def test_every_name_of_the_release_is_somebodys(text: str, releases: list[Rendered]):
    """Whatever looks like an object of the release is one; files that the reader makes end in a suffix."""
    names = {found["metadata"]["name"] for release in releases for found in release.objects}
    said = set(re.findall(r"(?<![\w/.-])(?:data-)?viva-[a-z0-9-]+[a-z0-9](?![\w.])", text))
    assert said - names - MADE_BY_HAND - OTHERWISE == set()


def test_every_port_forward_reaches_a_port_of_its_service(text: str, releases: list[Rendered]):
    """The one behind the colon."""
    for name, port in re.findall(r"port-forward service/(\S+) \d+:(\d+)", text):
        service = releases[0].find("Service", name)
        assert int(port) in [entry["port"] for entry in service["spec"]["ports"]]


def test_every_container_is_one_of_its_pod(text: str, releases: list[Rendered]):
    """`-c` after a pod, a Deployment or a StatefulSet."""
    pods = {pod.owner["metadata"]["name"]: pod for release in releases for pod in release.pods}
    asked = re.findall(r"(?:deployment/)?((?:viva-)[a-z0-9-]+?)(?:-0)? -c (\w+)", text)
    for name, container in asked:
        assert container in [found["name"] for found in pods[name].all_containers], name


def test_every_value_is_one_of_the_charts(text: str):
    """By its whole path, or that of the map it is in."""
    values = defaults()
    path = r"(?<![\w./-])([a-z][A-Za-z]*(?:\.[A-Za-z0-9]+)+)"
    named = {found for span in spans(text) for found in re.findall(path, span) if found.partition(".")[0] in values}
    assert [name for name in sorted(named) if not is_there(name, values)] == []


def test_the_release_and_its_namespace_have_one_name(text: str):
    """Commands can be run one after the other."""
    for command in commands(text):
        for namespace in re.findall(r"(?:-n|--namespace) (\S+)", command):
            assert namespace in ("viva", "kube-system", "nvidia-device-plugin"), command
        for release in re.findall(r"helm (?:upgrade --install|upgrade|test|history|rollback|uninstall) (\S+)", command):
            assert release in ("viva", "nvdp", "aws-load-balancer-controller"), command


def test_every_file_and_target_is_there(text: str):
    """Files of k8s/, scripts and targets of the Makefile."""
    for name in re.findall(r"(?<![\w/])(?:k8s|scripts|charts)/[\w./-]*\w", text):
        assert (ROOT / name).exists(), name
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_node_group_is_one_of_the_cluster(text: str):
    """What is scaled."""
    config = (ROOT / "k8s" / "eks-cluster.yaml").read_text()
    for cluster, group in re.findall(r"scale nodegroup --cluster (\S+) --name (\S+)", text):
        assert f"name: {cluster}\n" in config
        assert f"- name: {group}\n" in config


def test_every_metric_is_one_of_the_services():
    """A name that no service counts would send its reader looking in vain."""
    text = (ROOT / "docs" / "operations.md").read_text()
    sources = [path for folder in ("viva", "services") for path in Path(ROOT / folder).rglob("*.py")]
    code = "\n".join(path.read_text() for path in sources)
    for name in re.findall(r"`(viva_[a-z_]+)`", text):
        assert f'"{name}"' in code, name


def test_every_model_is_pinned():
    """The names that can be downloaded are those of models.toml, and of the chart's profiles."""
    text = (ROOT / "docs" / "operations.md").read_text()
    pinned = re.findall(r'^name = "(.+)"', (ROOT / "viva" / "models.toml").read_text(), re.MULTILINE)
    assert set(re.findall(r"\b((?:whisper|piper)-[a-z.]+[a-z])\b", text)) <= set(pinned)
