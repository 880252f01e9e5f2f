"""docs/scale.md has the plans that `viva plan` makes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_its_figures_are_those_of_the_plan():
    """Every cell of two columns, from the report, the habits and the prices that lie beside it.

    The other columns take longer: tests/swarm looks at all of them.
    """
    command = [sys.executable, ROOT / "scripts" / "scale_table", "--check", "10000", "100000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
