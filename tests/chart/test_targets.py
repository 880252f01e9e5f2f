"""The chart's tests are run: by a target of their own, in every continuous run, and by no other target."""

import re
import tomllib
from fnmatch import fnmatch

from .chart import ROOT

# Building what they need takes longer than a continuous run should; what they have seen is recorded, and held to there.
BY_HAND = {"llamacpp"}
FOLDER = ROOT / "tests" / "chart"


def settings() -> dict:
    """pytest's, in pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]


def test_the_plain_tests_leave_out_these_and_nothing_else_without_a_target():
    """`make test` enters every folder with tests, but those that have a target of their own in the continuous run, or
    one that is run by hand."""
    folders = {path.parent for start in settings()["testpaths"] for path in (ROOT / start).rglob("test_*.py")}
    left_out = {
        folder for folder in folders for pattern in settings()["norecursedirs"] if fnmatch(str(folder), pattern)
    }
    assert FOLDER in left_out
    targets = set(re.findall(r"^make (test-\S+)(?: #.*)?$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    for name in {folder.relative_to(ROOT / "tests").parts[0] for folder in left_out} - BY_HAND:
        (target,) = re.findall(rf"^(\S+): .*\n\t@.*/pytest tests/{name}\b", makefile, re.MULTILINE)
        assert target in targets, name
    for name in BY_HAND:
        assert re.search(rf"^test-{name}: ", makefile, re.MULTILINE)


def test_the_continuous_run_has_them_before_the_plain_tests():
    """The plain tests come last: their summary ends the output."""
    steps = re.findall(r"^make (\S+)(?: #.*)?$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert "test-chart" in steps
    assert steps[-1] == "test"
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(r"^test-chart: install-chart ##.*\n\t@(.*)$", makefile, re.MULTILINE)[1]
    assert recipe.endswith("/pytest tests/chart")


def test_nothing_here_can_be_skipped():
    """No test of the chart is skipped or expected to fail, whatever is missing on a machine."""
    for path in FOLDER.glob("*.py"):
        if path.name != "test_targets.py":
            assert not re.search(r"pytest\.(skip|xfail|importorskip)|mark\.(skip|xfail)", path.read_text()), path.name


def test_their_packages_are_pinned():
    """The extra `chart` in constraints.txt as well, and checkov with all that it pulls in."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["chart"]
    constraints = (ROOT / "constraints.txt").read_text().split()
    assert set(extra) <= set(constraints)
    lines = (FOLDER / "checkov-requirements.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==\S+", pin) for pin in pins)
    assert any(pin.startswith("checkov==") for pin in pins)
