"""The Python that a script of this folder runs with: the repository's own, whichever it was called with.

A script asks for it before its other imports, which are what another Python may lack:

    if __name__ == "__main__":
        from interpreter import prepare

        prepare(__doc__, yaml="make install-test")
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"
INSTALL = "make install-test"


def prepare(usage: str, **installed_by: str) -> None:
    """Prints `usage` for --help; else goes on in a Python in which Viva is installed, or exits with a sentence.

    `installed_by` names packages that not every such Python has, each with the command that installs it.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(usage.strip() + "\n")
        raise SystemExit(0)
    script = Path(sys.argv[0])
    if not find_spec("viva"):
        if PYTHON.exists() and Path(sys.executable) != PYTHON:
            os.execv(PYTHON, [str(PYTHON), *sys.argv])
        sys.exit(f"{script.name} needs Viva's Python packages in .venv: run {INSTALL}, then {script} again.")
    for package, command in installed_by.items():
        if not find_spec(package):
            sys.exit(f"{script.name} needs the Python package {package}: run {command}, then {script} again.")
