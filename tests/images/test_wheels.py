"""The Python of the images, which is not the one of these tests: whether all they install comes compiled for it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = [pytest.mark.installs, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
GLIBC = 36  # Debian bookworm has 2.36
OLD_TAGS = ("manylinux2014", "manylinux2010", "manylinux1")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_dependency_has_a_wheel_for_the_images_python(read_dockerfile, machine, tmp_path):
    """On x86-64 and on ARM64 (Graviton, Apple's processors), with the C library of the base image."""
    needs: set[str] = set()
    for service in ("asr", "llm", "tts", "orchestrator"):
        dockerfile = read_dockerfile(service)
        needs |= requirements(service, dockerfile.all("RUN", 0)[-1], dockerfile.variables("ARG", 0))
    assert len(needs) > 20
    (version,) = set(re.findall(r"python:(3\.\d+)\.", " ".join(dockerfile.all("FROM"))))
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 4, -1)]
    tags += [f"{tag}_{machine}" for tag in OLD_TAGS]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
    command += ["--target", tmp_path, "--only-binary", ":all:", "-c", ROOT / "constraints.txt"]
    command += ["--python-version", version, "--implementation", "cp"]
    command += [word for abi in (f"cp{version.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    command += [word for tag in tags for word in ("--platform", tag)]
    ran = subprocess.run([*command, *sorted(needs)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]


def requirements(service: str, line: str, arguments: dict[str, str]) -> set[str]:
    """What the pip line of a Dockerfile asks of the index: the extras of both projects, and the service's own needs."""
    for name, value in arguments.items():
        line = line.replace(f"${{{name}}}", value)
    shared = project(ROOT)
    own = project(ROOT / "services" / service)
    found = {need for need in own["dependencies"] if not need.startswith(shared["name"])}
    for path, extras in re.findall(r'"(\.\S*?)\[([\w,]+)\]"', line):
        optional = (shared if path == "." else own)["optional-dependencies"]
        found |= {need for extra in extras.split(",") for need in optional[extra]}
    return found


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
