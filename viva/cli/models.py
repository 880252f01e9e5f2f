"""`viva models`: the real models, and the package that the Piper voice needs."""

import importlib.util
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from viva.cli.console import out
from viva.errors import EngineUnavailable
from viva.models import Model, NoConnection, by_hand, choose, fetch, is_present, read_manifest

PIPER_PACKAGE = "piper-tts"
_CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


class InstallFailed(EngineUnavailable):
    """pip could not install what an engine needs."""

    default_code = "install_failed"


def fetch_models(names: list[str], root: Path, hub: str) -> None:
    """Fetches what is missing, prints a line for each model and what to do next."""
    console = out()
    models = choose(read_manifest(), names)
    try:
        with httpx.Client(timeout=httpx.Timeout(30.0, connect=10.0)) as client:
            for model in models:
                _fetch_one(model, root, client, hub, console)
    except NoConnection as error:
        raise _with_what_is_missing(error, models, names, root) from error
    if any(model.engine == "piper" for model in models):
        install_piper(console)
    console.print("`make run` uses them from now on.")


def list_by_hand(names: list[str], root: Path, hub: str) -> None:
    """Prints the address of every file that is missing, and where it belongs, for whoever fetches them elsewhere."""
    missing = _missing(choose(read_manifest(), names), root)
    out().print(by_hand(missing, root, hub=hub) if missing else "Every file is here and right.")


def _missing(models: list[Model], root: Path) -> list[Model]:
    return [model for model in models if not is_present(model, root)]


def _with_what_is_missing(error: NoConnection, models: list[Model], names: list[str], root: Path) -> NoConnection:
    """The same sentence, and below it what is missing, a line for each model, and how to get the addresses."""
    lines = [f"  missing: {model.name}, {model.bytes / 1e6:.0f} MB" for model in _missing(models, root)]
    command = " ".join(["viva models --by-hand", *names])
    lines.append(f"  `{command}` lists the files' addresses and where each belongs.")
    return NoConnection("\n".join([error.message, *lines]), code=error.code)


def _fetch_one(model: Model, root: Path, client: httpx.Client, hub: str, console: Console) -> None:
    if is_present(model, root):
        console.print(f"  {model.name}: here and right ({model.about}; license: {model.license})")
        return
    columns = (TextColumn("  {task.description}"), BarColumn(30), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task(model.name, total=model.bytes)
        folder = fetch(model, root, client, hub=hub, progress=lambda _model, count: bars.update(bar, completed=count))
    megabytes = model.bytes / 1e6
    console.print(f"  {model.name}: {megabytes:.0f} MB in {folder} ({model.about}; license: {model.license})")


def install_piper(console: Console) -> None:
    """Installs the package of the Piper engine unless it is there. Raises InstallFailed."""
    if importlib.util.find_spec("piper") is not None:
        return
    console.print(f"  Installing {PIPER_PACKAGE} {_pinned_version()}, which is licensed under GPL-3.0 …")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if _CONSTRAINTS.exists():
        command += ["-c", str(_CONSTRAINTS)]
    done = subprocess.run([*command, PIPER_PACKAGE], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InstallFailed(
            f"The voice is here, but the package {PIPER_PACKAGE} could not be installed. When the package index is "
            f"reachable, run `make models` again.\n" + "\n".join(done.stderr.strip().splitlines()[-3:])
        )


def _pinned_version() -> str:
    """The version that Viva's own extra names, for people to read."""
    for requirement in metadata.requires("viva-lectures") or []:
        if requirement.startswith(f"{PIPER_PACKAGE}=="):
            return requirement.removeprefix(f"{PIPER_PACKAGE}==").partition(";")[0].strip()
    return ""
