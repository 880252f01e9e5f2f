"""What the engines are sent to build the images from."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ("asr", "llm", "tts", "orchestrator")
PRIVATE = (".git/config", ".venv/bin/python", ".viva/data/objects/recording", "viva/.env", "services/asr/.env")


def test_what_is_copied_is_there_and_is_sent(dockerfile, ignored, repository):
    """A COPY of something missing, untracked or left out by .dockerignore would stop the build, or leave a hole."""
    sources = dockerfile.sources()
    assert f"services/{dockerfile.service}" in sources
    for source in sources:
        assert source not in ignored
        if (ROOT / source).is_file():
            assert source in repository
        else:
            assert [name for name in repository if name.startswith(f"{source}/") and name not in ignored]


def test_every_file_of_a_package_is_sent(dockerfile, ignored, repository):
    """Data files too: a model list or a weights file that is left out is missed only at run time."""
    packages = ("viva/", "web/", f"services/{dockerfile.service}/viva_{dockerfile.service}/")
    files = [name for name in repository if name.startswith(packages)]
    assert len(files) > 10
    assert [name for name in files if name in ignored] == []


def test_nothing_is_sent_that_no_image_is_built_from(ignored, repository):
    """A change of a test or a document builds no image anew, and the context stays small."""
    code = "viva|web|loadtest|services"
    copied = re.compile(rf"(pyproject\.toml|constraints\.txt|README\.md|LICENSE|(?:{code})/.*)$")
    sent = [name for name in repository if name not in ignored]
    assert [name for name in sent if not copied.match(name)] == []
    assert [name for name in sent if "/tests/" in name] == []
    size = sum((ROOT / name).stat().st_size for name in sent)
    assert size < 4_000_000


def test_nothing_private_is_sent(ignored):
    """Recordings, keys, the history and whole environments stay here."""
    assert [path for path in PRIVATE if path not in ignored] == []


def test_what_git_ignores_is_not_sent(ignored):
    """What tools leave in the working copy differs from machine to machine."""
    for line in (ROOT / ".gitignore").read_text().split():
        name = line.rstrip("/").replace("*", "x")
        assert name in ignored, line
