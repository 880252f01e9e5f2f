"""The pyproject files: what the packages of this repository ask for."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SERVICES = ("asr", "llm", "tts", "orchestrator")


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_asks_for_the_shared_package_of_this_repository(service):
    """By its own name and exact version, so that nothing else of a package index can stand in for it."""
    shared = project(ROOT)
    asked = [need for need in project(ROOT / "services" / service)["dependencies"] if need.startswith("viva")]
    (need,) = asked
    name, _, rest = need.partition("[")
    extras, _, version = rest.partition("]==")
    assert (name, version) == (shared["name"], shared["version"])
    assert set(extras.split(",")) <= set(shared["optional-dependencies"])
    assert shared["name"] != "viva"


@pytest.mark.parametrize(
    "folder", [ROOT, *(ROOT / "services" / service for service in SERVICES)], ids=lambda path: path.name
)
def test_every_direct_dependency_is_pinned(folder):
    """An exact version, also of the build system."""
    file = tomllib.loads((folder / "pyproject.toml").read_text())
    extras = file["project"].get("optional-dependencies", {}).values()
    needs = [
        *file["build-system"]["requires"],
        *file["project"]["dependencies"],
        *(need for extra in extras for need in extra),
    ]
    assert [need for need in needs if "==" not in need] == []
