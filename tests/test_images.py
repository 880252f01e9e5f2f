"""The Dockerfiles: what can be said of them without an engine to build them."""

import re
from pathlib import Path

import pytest

from viva_orchestrator.lectures.settings import LectureSettings

ROOT = Path(__file__).parents[1]
SERVICES = ("asr", "llm", "tts", "orchestrator")


def dockerfile(service: str) -> str:
    return (ROOT / "services" / service / "Dockerfile").read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_pinned_multi_stage_and_not_root(service):
    """One pinned base for both stages, a numeric user, no health check (Kubernetes does it), no build tools in it."""
    text = dockerfile(service)
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(bases) == 2
    assert set(bases) == {"python:3.13.9-slim-bookworm"}  # pocketsphinx has no wheel for 3.12
    assert re.search(r"^USER \d+$", text, re.MULTILINE)
    assert "HEALTHCHECK" not in text
    last = text.rpartition("FROM ")[2]
    assert not re.search(r"\b(gcc|build-essential|pip install)\b", last)
    assert f'ENTRYPOINT ["python", "-m", "viva_{service}"]' in last


@pytest.mark.parametrize("service", SERVICES)
def test_what_an_image_copies_is_there_and_is_sent(service):
    """A COPY of something missing, or left out by .dockerignore, would stop the build."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(service), re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert source not in ignored


@pytest.mark.parametrize("service", SERVICES)
def test_the_pins_of_an_image_are_those_of_the_repository(service):
    """Everything is installed under constraints.txt."""
    for line in re.findall(r"pip install (.+)$", dockerfile(service), re.MULTILINE):
        assert line.startswith("-c constraints.txt ")


def test_the_orchestrator_can_write_where_it_keeps_recordings_by_default():
    """The default object store is a folder in the working directory, which therefore belongs to its user."""
    assert not Path(LectureSettings.model_fields["object_store_url"].default).is_absolute()
    last = dockerfile("orchestrator").rpartition("FROM ")[2]
    (folder,) = re.findall(r"^WORKDIR (\S+)$", last, re.MULTILINE)
    assert re.search(rf"install -d -o viva -g viva {folder}$", last, re.MULTILINE)


def test_no_image_takes_the_shared_package_from_the_index():
    """It is installed in the same command as the service that needs it, from this repository."""
    for service in SERVICES:
        (line,) = re.findall(r"pip install (.+)$", dockerfile(service), re.MULTILINE)
        assert re.fullmatch(rf'-c constraints\.txt "\.\[[a-z,]+\]" "?\./services/{service}\S*', line)
