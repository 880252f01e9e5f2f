"""What the tests of the chart stand on: each combination of values rendered, and the packaged chart."""

from pathlib import Path

import helm_python
import pytest

from .chart import CHART, render
from .combinations import ALL
from .manifests import Rendered
from .running import cluster, defaults, folder, lecture, recordings, running  # noqa: F401 - fixtures


@pytest.fixture(params=ALL, scope="session")
def combination(request: pytest.FixtureRequest) -> str:
    """The name of each combination of values in turn."""
    return request.param


@pytest.fixture(scope="session")
def rendered(combination: str) -> Rendered:
    """The chart with each combination of values in turn."""
    return render(ALL[combination])


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as it is published."""
    return Path(helm_python.package(CHART, destination=tmp_path_factory.mktemp("package")))
