"""checkov on what is rendered: no finding that checkov-allowed.yaml does not explain."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from .chart import ROOT, render
from .combinations import ALL

CHECKOV = ROOT / ".venv" / "checkov" / "bin" / "checkov"
ALLOWED: list[dict] = yaml.safe_load((Path(__file__).parent / "checkov-allowed.yaml").read_text())
LOOKED_AT = (
    "defaults",
    "own registry, digests",
    "models on a shared volume, by a job",
    "a model group with a volume of each pod's own",
    "objects in an S3 of one's own",
    "ALB",
    "k8s: EKS with GPUs",
)
"""Together they have every kind of object that Kubernetes itself knows."""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """Check and object of everything that fails, with the check's name; asks nothing of the network."""
    folder = tmp_path_factory.mktemp("manifests")
    for number, combination in enumerate(LOOKED_AT):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump_all(render(ALL[combination]).objects))
    # `make test-chart` installs it; a missing one fails here.
    command = [
        CHECKOV,
        "--directory",
        folder,
        "--framework",
        "kubernetes",
        "--skip-download",
        "--output",
        "json",
        "--quiet",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(said.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 1000
    return {(found["check_id"], found["resource"]): found["check_name"] for found in report["results"]["failed_checks"]}


def is_allowed(check: str, resource: str) -> bool:
    return any(each["check"] == check and re.fullmatch(each["objects"], resource) for each in ALLOWED)


def test_nothing_is_found_that_is_not_explained(findings: dict[tuple[str, str], str]):
    """Whatever checkov finds is mended, or listed with the reason."""
    unexplained = {(*key, name) for key, name in findings.items() if not is_allowed(*key)}
    assert unexplained == set()


def test_every_explanation_is_needed(findings: dict[tuple[str, str], str]):
    """What is not found any more is not explained any more, and checks are called what checkov calls them."""
    for each in ALLOWED:
        names = {
            name
            for (check, resource), name in findings.items()
            if check == each["check"] and re.fullmatch(each["objects"], resource)
        }
        assert names == {each["name"]}, each["check"]
        assert len(each["reason"].split()) > 8


def test_every_kind_of_object_is_looked_at():
    """A kind that only another combination renders would go unseen."""
    seen = {each["kind"] for name in LOOKED_AT for each in render(ALL[name]).objects}
    custom = ("keda.sh", "monitoring.coreos.com", "gateway.networking.k8s.io")
    there = {
        each["kind"]
        for values in ALL.values()
        for each in render(values).objects
        if not each["apiVersion"].startswith(custom)
    }
    assert there - seen <= {"PriorityClass"}
