"""The Makefile: what its targets print."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make(*arguments: str) -> str:
    """What make prints to stdout."""
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_listing_the_measurements_installs_nothing():
    """Who only looks does not wait for it."""
    assert "bootstrap" not in make("--dry-run", "bench")
    assert "bootstrap" in make("--dry-run", "test")


def test_every_measurement_is_listed_as_the_command_that_runs_it():
    """Each is a module that can be run, and none that writes figures is left out."""
    printed = make("bench")
    listed = re.findall(r"^  \.venv/bin/python -m benchmarks\.(\w+)(?: [A-Z]+)?$", printed, re.MULTILINE)
    runnable = {
        path.parent.name if path.stem == "__main__" else path.stem
        for path in [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "benchmarks").glob("*/__main__.py")]
        if '__name__ == "__main__"' in path.read_text() and "--json" in path.read_text()
    }
    assert len(runnable) > 5
    assert sorted(listed) == sorted(runnable)
