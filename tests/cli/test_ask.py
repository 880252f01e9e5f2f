"""`viva ask`: what it is asked about."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from viva.cli import ask
from viva.cli.app import app
from viva.errors import EngineUnavailable


class NoLectures:
    """A client of a server that has nothing yet."""

    def __init__(self, _url: str) -> None:
        pass

    def __enter__(self) -> "NoLectures":
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def lectures(self) -> list:
        return []


def test_the_sample_lecture_is_rendered_into_the_data_folder(tmp_path, monkeypatch):
    """VIVA_DATA_DIR holds for the samples too."""

    def render(folder: Path) -> None:
        raise EngineUnavailable(f"rendered into {folder}")

    monkeypatch.setattr(ask, "VivaClient", NoLectures)
    monkeypatch.setattr(ask, "render_samples", render)
    with pytest.raises(EngineUnavailable) as stopped:
        CliRunner().invoke(
            app,
            ["ask", "--lecture", "sample", "--text", "Who?"],
            env={"VIVA_DATA_DIR": str(tmp_path)},
            catch_exceptions=False,
        )
    assert stopped.value.message == f"rendered into {tmp_path / 'samples'}"
