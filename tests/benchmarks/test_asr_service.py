"""The asr service as the benchmarks start it, ask it and stop it; with its fake engine."""

from pathlib import Path

import psutil
import pytest

from benchmarks.asr_service import NotStarted, running
from viva.samples import render


def test_it_is_started_asked_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A recording goes out over HTTP, its transcript comes back, and no process stays behind."""
    monkeypatch.setenv("VIVA_ASR_FAKE_TEXT", "This was heard.")
    render("Good morning.", tmp_path / "out.wav")

    with running("fake") as service:
        processes = [psutil.Process(service.pid), *psutil.Process(service.pid).children(recursive=True)]
        assert service.status()["engine"] == "fake"
        assert service.transcribe(tmp_path / "out.wav")["text"] == "This was heard."

    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive


def test_an_engine_that_is_not_here_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The service's own reason reaches the reader of the table, not only that it ended."""
    monkeypatch.setenv("VIVA_MODELS_DIR", str(tmp_path))

    with pytest.raises(NotStarted, match="make models"), running("whisper"):
        pass
