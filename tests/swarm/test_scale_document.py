"""All of docs/scale.md's plans; here, since a million people take longer to simulate than the other suites have."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_column_is_what_the_plan_says() -> None:
    """From a hundred people a day to a million."""
    command = [sys.executable, ROOT / "scripts" / "scale_table", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
