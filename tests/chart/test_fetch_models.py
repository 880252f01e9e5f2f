"""files/fetch_models.py: pinned, checked, carried on, and never twice."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from viva.models import read_manifest

from .hub import LARGE, REPO, REVISION, Hub, serving
from .scripts import load

MODEL = {"repo": REPO, "revision": REVISION, "folder": "vllm/model", "sha256": {}, "ignore": ["original/*"]}


@pytest.fixture
def hub() -> Hub:
    """A hub with one repository."""
    return Hub()


@pytest.fixture
def script(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """The script, told of the hub and of a folder; it does not wait between attempts."""
    module = load("fetch_models")
    monkeypatch.setattr(module.time, "sleep", lambda _seconds: None)
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("MODELS", json.dumps([MODEL]))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving(hub) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        yield module


def test_every_file_is_brought_but_those_that_are_ignored(script, hub, tmp_path):
    """They lie in the folder under their own names."""
    assert script.main(["fetch"]) == 0
    folder = tmp_path / "vllm/model"
    assert (folder / "config.json").read_bytes() == hub.files["config.json"]
    assert (folder / LARGE).read_bytes() == hub.files[LARGE]
    assert not (folder / "original").exists()


def test_what_is_there_is_not_fetched_again_and_the_hub_not_asked(script, hub):
    """A pod that starts again works without the internet."""
    script.main(["fetch"])
    hub.asked.clear()
    assert script.main(["fetch"]) == 0
    assert hub.asked == []


def test_another_list_is_another_download(script, hub, monkeypatch):
    """The note of what is complete counts for the very model it was written for."""
    script.main(["fetch"])
    hub.asked.clear()
    monkeypatch.setenv("MODELS", json.dumps([{**MODEL, "ignore": []}]))
    assert script.main(["fetch"]) == 0
    assert [path for path, *_ in hub.asked if path.endswith("weights.pth")]


def test_a_broken_download_is_carried_on(script, hub, tmp_path):
    """What has arrived is not sent again, and the whole is right."""
    hub.breaks_off = 2
    assert script.main(["fetch"]) == 0
    ranges = [asked for path, asked, _ in hub.asked if path.endswith(LARGE)]
    assert len(ranges) == 3
    assert ranges[0] == ""
    assert all(asked.startswith("bytes=") and asked != "bytes=0-" for asked in ranges[1:])
    assert (tmp_path / "vllm/model" / LARGE).read_bytes() == hub.files[LARGE]


@pytest.mark.parametrize("name", ["config.json", LARGE])
def test_a_file_that_is_not_what_the_commit_has_is_thrown_away(script, hub, tmp_path, name, capsys):
    """Large files are told by their SHA-256, small ones by their git hash."""
    hub.listed[name] = hub.files[name][:-1] + b"?"
    assert script.main(["fetch"]) == 2
    assert f"{name} is not the file that is pinned" in capsys.readouterr().out
    assert not (tmp_path / "vllm/model" / name).exists()
    assert not (tmp_path / "vllm/model" / f"{name}.part").exists()
    assert not script.is_complete(MODEL, tmp_path / "vllm/model")


def test_a_pinned_hash_decides_over_the_hub(script, hub, monkeypatch, capsys):
    """A hub that changed a file and its list together is found out."""
    right = hashlib.sha256(hub.files["config.json"]).hexdigest()
    hub.files["config.json"] = b'{"a": 2}'
    monkeypatch.setenv("MODELS", json.dumps([{**MODEL, "sha256": {"config.json": right}}]))
    assert script.main(["fetch"]) == 2
    assert "config.json is not the file that is pinned" in capsys.readouterr().out


def test_a_pinned_file_that_is_not_there_is_said(script, monkeypatch, capsys):
    """A misspelt name pins nothing."""
    monkeypatch.setenv("MODELS", json.dumps([{**MODEL, "sha256": {"confg.json": "0" * 64}}]))
    assert script.main(["fetch"]) == 2
    assert "has no file confg.json" in capsys.readouterr().out


def test_another_commit_than_was_asked_for_is_refused(script, hub, capsys):
    """A mirror that answers with its newest commit is no mirror of this one."""
    hub.sha = "f" * 40
    assert script.main(["fetch"]) == 2
    assert "another commit" in capsys.readouterr().out


def test_a_gated_repository_asks_for_a_token(script, hub, monkeypatch, capsys):
    """Without one the sentence says which value to set; with it the model comes."""
    hub.token = "secret"
    assert script.main(["fetch"]) == 2
    assert "models.existingSecret" in capsys.readouterr().out
    monkeypatch.setenv("HF_TOKEN", "secret\n")
    assert script.main(["fetch"]) == 0


def test_the_token_stays_with_the_hub(script, hub, monkeypatch):
    """Large files come from other servers, which must not get it."""
    other = Hub()
    hub.token = "secret"
    monkeypatch.setenv("HF_TOKEN", "secret")
    with serving(other) as hub.elsewhere:
        assert script.main(["fetch"]) == 0
    assert [token for *_, token in other.asked] == [""]


def test_a_name_that_leads_out_of_the_folder_is_refused(script, hub, tmp_path, capsys):
    """The hub decides what files are called, but not where they go."""
    hub.files["../../escaped"] = b"x"
    assert script.main(["fetch"]) == 2
    assert "outside the folder" in capsys.readouterr().out
    assert not (tmp_path / "escaped").exists()


def test_no_connection_is_worth_another_attempt(script, monkeypatch, capsys):
    """Exit 1 and a sentence: Kubernetes tries again, and what has arrived is kept."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert script.main(["fetch"]) == 1
    assert "No connection" in capsys.readouterr().out


def test_waiting_ends_when_the_model_is_complete(script, tmp_path, monkeypatch):
    """A pod beside the Job starts with a model that is whole, not with the first of its files."""
    looks = []

    def sleep(_seconds: float) -> None:
        looks.append(script.is_complete(MODEL, tmp_path / "vllm/model"))
        script.bring(MODEL, tmp_path, script.os.environ["HF_ENDPOINT"])

    monkeypatch.setattr(script.time, "sleep", sleep)
    assert script.main(["wait"]) == 0
    assert looks == [False]


def test_models_are_found_by_their_names_in_the_image(script):
    """The files, sizes and hashes are those of viva/models.toml, wherever the engines look for them."""
    for model in read_manifest():
        folder, files = script.named_files(model.name, "https://hub")
        assert folder == model.folder
        assert [(file.name, file.size, file.digest) for file in files] == [
            (file.name, file.bytes, f"sha256:{file.sha256}") for file in model.files
        ]
        assert files[0].url.startswith(f"https://hub/{model.repo}/resolve/{model.revision}/")


def test_an_unknown_name_is_said(script, monkeypatch, capsys):
    """A misspelt model stops the pod with a sentence in its log."""
    monkeypatch.setenv("MODELS", json.dumps([{"named": "whisper-bsae.en"}]))
    assert script.main(["fetch"]) == 2
    assert "whisper-bsae.en" in capsys.readouterr().out
