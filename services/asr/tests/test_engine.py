"""Which engine is taken, and what is said when it cannot be."""

from pathlib import Path

import pytest

from viva.errors import EngineUnavailable
from viva_asr.engine import Choice, choose, make_engine
from viva_asr.engines import presence
from viva_asr.settings import AsrSettings


def settings(tmp_path: Path, **values: object) -> AsrSettings:
    return AsrSettings(**{"models_dir": tmp_path, **values})


def test_a_present_model_is_taken(tmp_path: Path) -> None:
    """`auto` takes Whisper when its model lies where `viva models` puts it, and names the model."""
    folder = tmp_path / "whisper" / "base.en"
    folder.mkdir(parents=True)
    (folder / "model.bin").touch()
    choice = choose(settings(tmp_path, openai_url="http://127.0.0.1:9/v1"))
    assert choice.name == "whisper"
    assert "base.en" in choice.why


def test_a_named_server_is_second(tmp_path: Path) -> None:
    """Without a model, `auto` takes the server whose URL is set."""
    assert choose(settings(tmp_path, openai_url="http://127.0.0.1:9/v1")).name == "openai"


def test_the_built_in_model_is_last(tmp_path: Path) -> None:
    """Without either, `auto` takes the engine whose model is in its wheel."""
    assert choose(settings(tmp_path)).name == "moonshine"


def test_a_machine_without_moonshine_has_pocketsphinx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where moonshine has no wheel, or one without its model, `auto` takes pocketsphinx and says so."""
    monkeypatch.setattr(presence, "find_spec", lambda _name: None)
    choice = choose(settings(tmp_path))
    assert choice.name == "pocketsphinx"
    assert "moonshine" in choice.why
    with pytest.raises(EngineUnavailable, match="moonshine-voice"):
        make_engine(settings(tmp_path), Choice("moonshine", "the test names it"))


def test_a_named_engine_is_taken(tmp_path: Path) -> None:
    """A setting that names an engine is not second-guessed."""
    assert choose(settings(tmp_path, engine="fake", openai_url="http://127.0.0.1:9/v1")).name == "fake"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"engine": "whisper"}, "make models"),
        ({"engine": "whisper", "whisper_model": Path("nowhere")}, "lacks model.bin"),
        ({"engine": "openai"}, "VIVA_ASR_OPENAI_URL"),
        ({"engine": "chat"}, "VIVA_ASR_CHAT_URL"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, values: dict, sentence: str) -> None:
    """An engine that lacks something stops the start with a sentence that says what to do."""
    wanted = settings(tmp_path, **values)
    with pytest.raises(EngineUnavailable, match=sentence):
        make_engine(wanted, choose(wanted))


def test_an_unknown_engine_is_said(tmp_path: Path) -> None:
    """A name that is not in the table is answered with those that are."""
    with pytest.raises(EngineUnavailable, match="pocketsphinx"):
        make_engine(settings(tmp_path), Choice("dragon", ""))
