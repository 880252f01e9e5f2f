"""The documents say what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = {".md", ".py", ".toml", ".txt", ".yaml", ""}
SOURCES = [
    path
    for folder in ("viva", *(f"services/{name}/viva_{name}" for name in ("asr", "llm", "tts", "orchestrator")))
    for path in (ROOT / folder).rglob("*.py")
]


def test_the_table_of_settings_is_that_of_the_code():
    """Every variable is in the README, once, with its default; `scripts/settings_table` writes it."""
    check = subprocess.run(
        [sys.executable, ROOT / "scripts" / "settings_table", "--check"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr


def test_the_tables_of_metrics_are_those_of_the_code():
    """Every metric is in docs/observability.md, with its labels; `scripts/metrics_table` writes it."""
    check = subprocess.run(
        [sys.executable, ROOT / "scripts" / "metrics_table", "--check"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr


def test_the_table_of_settings_has_no_empty_code():
    """A default of nothing, a secret one too, is an empty cell; two bare backticks are shown as such."""
    assert "``" not in (ROOT / "README.md").read_text().replace("```", "")


def test_every_error_code_is_explained():
    """Whoever gets a code from the API finds it in docs/protocol.md."""
    protocol = (ROOT / "docs" / "protocol.md").read_text()
    client_side = {"file_not_found", "file_error", "server_unreachable", "not_viva", "wrong_url"}
    codes = {code for path in SOURCES for code in re.findall(r'\bcode="([a-z_]+)"', path.read_text())}
    assert len(codes) > 15
    assert {code for code in codes - client_side if f"`{code}`" not in protocol} == set()


@pytest.mark.parametrize("document", ["README.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))])
def test_links_lead_somewhere(document):
    """A relative link names a file that is there."""
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_setting_has_a_description():
    """A sentence about it, without a full stop, since it stands in sentences and tables."""
    from viva.stack.environment import settings_classes

    for cls in settings_classes().values():
        for name, info in cls.model_fields.items():
            assert info.description, name
            assert not info.description.endswith("."), name


def test_the_project_names_no_registry_and_no_machine():
    """What is committed works anywhere."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        path = ROOT / name
        if path.suffix in TEXTS and path.is_file() and path != Path(__file__):
            text = path.read_text(errors="replace")
            assert not re.search("index" r"-url|(?<![\w./])/(?:ro{2}t|wo{1}rk)/", text), name
