"""The files of k8s/, read."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def documents() -> Callable[[str], list[dict]]:
    """The YAML documents of one file of k8s/, by its name."""
    return lambda name: list(yaml.safe_load_all((ROOT / "k8s" / name).read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def cluster(documents) -> dict:
    """The cluster with node groups for the GPUs."""
    return documents("eks-cluster.yaml")[0]


@pytest.fixture(scope="session")
def karpenter_cluster(documents) -> dict:
    """The cluster where Karpenter makes the nodes."""
    return documents("eks-cluster-karpenter.yaml")[0]


@pytest.fixture(scope="session")
def defaults() -> dict:
    """The chart's values.yaml."""
    return yaml.safe_load((ROOT / "charts" / "viva" / "values.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def karpenter(documents) -> dict[tuple[str, str], dict]:
    """What Karpenter is given, by kind and name."""
    return {(found["kind"], found["metadata"]["name"]): found for found in documents("karpenter.yaml")}
