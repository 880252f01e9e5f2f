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
ASKED = "SCRIPT_RUNS_IN_VENV"  # so that a Python that lacks them, too, is not asked again and again


def prepare(usage: str, **installed_by: str) -> None:
    """Prints `usage` for --help; else goes on in a Python in which Viva is installed, or exits with a sentence.

    `installed_by` names packages that not every such Python has, each with the command that installs it.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(usage.strip() + "\n")
        raise SystemExit(0)
    script = Path(sys.argv[0])
    if not _has_viva():
        if PYTHON.exists() and ASKED not in os.environ:
            os.execve(PYTHON, [str(PYTHON), *sys.argv], os.environ | {ASKED: "1"})
        sys.exit(
            f"{script.name} needs Viva's Python packages in {ROOT / '.venv'}: "
            f"run {INSTALL} in {ROOT}, then {script} again."
        )
    for package, command in installed_by.items():
        if not find_spec(package):
            sys.exit(f"{script.name} needs the Python package {package}: run {command}, then {script} again.")


def _has_viva() -> bool:
    """Whether this Python has the Viva of this repository, and not of another one."""
    found = find_spec("viva")
    return found is not None and found.origin is not None and Path(found.origin).resolve().is_relative_to(ROOT)
