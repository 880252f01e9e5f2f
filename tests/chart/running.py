"""The default install as processes: fixtures, made anew for each module that asks for them."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from viva.client import Lecture, VivaClient
from viva.samples import cached

from .chart import ROOT, render
from .local_cluster import LocalCluster, RunningContainer
from .manifests import Rendered

SAMPLES = ROOT / "samples"
ORDER = ("redis", "asr", "llm", "tts", "orchestrator")


@pytest.fixture(scope="module")
def defaults() -> Rendered:
    return render()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Unlike pytest's own, a folder that other users may enter."""
    made = Path(tempfile.mkdtemp(prefix="viva-chart-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def cluster(defaults: Rendered, folder: Path) -> Iterator[LocalCluster]:
    with LocalCluster(defaults, folder) as made:
        yield made


@pytest.fixture(scope="module")
def running(cluster: LocalCluster, defaults: Rendered) -> dict[str, RunningContainer]:
    """All components, started together as Kubernetes does, and each ready by its own probes."""
    pods = {pod.component: pod for pod in defaults.pods if pod.is_service}
    assert set(pods) == set(ORDER)
    started = {component: cluster.start(pods[component]) for component in ORDER}
    for probe in ("startup", "readiness", "liveness"):
        for container in started.values():
            container.wait_until(probe)
    return started


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two sentences of a lecture, and a question about them."""
    cache = tmp_path_factory.mktemp("spoken")
    lines = (SAMPLES / "lecture.txt").read_text(encoding="utf-8").splitlines()
    answered = next(number for number, line in enumerate(lines) if "made by Jack Kilby" in line)
    excerpt = "\n".join(lines[answered - 1 : answered + 2])
    return cached(excerpt, cache)[0], cached("Who made the first integrated circuit?", cache)[0]


@pytest.fixture(scope="module")
def lecture(running: dict[str, RunningContainer], recordings: tuple[Path, Path]) -> Lecture:
    with VivaClient(running["orchestrator"].url) as client:
        *_, last = client.follow(client.upload(recordings[0], title="Kilby").lecture_id)
    return last
