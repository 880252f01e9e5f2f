"""The choice of an engine, and its settings."""

import importlib.util
import subprocess
import sys

import pytest

from viva.errors import EngineUnavailable
from viva.service.settings import load_settings
from viva_tts.bridge import Bridge
from viva_tts.engine import choose, make_engine
from viva_tts.settings import TTSSettings

from .tiny_piper import make_tiny_piper


def settings(tmp_path, **values) -> TTSSettings:
    """Settings with a models folder of the test's own."""
    return TTSSettings(models_dir=tmp_path, **values)


def test_auto_takes_piper_where_a_voice_is(tmp_path):
    """A voice in the models folder, at any depth, decides for piper, even where a server is set."""
    make_tiny_piper(tmp_path / "piper" / "en" / "en_US-hum.onnx")
    name, why = choose(settings(tmp_path, openai_url="http://localhost:1"))
    assert name == "piper"
    assert "en_US-hum" in why


def test_auto_passes_piper_over_where_it_is_not_installed(tmp_path, monkeypatch):
    """A voice alone is not enough, and the reason says so."""
    make_tiny_piper(tmp_path / "en_US-hum.onnx")
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "piper" else found(name))
    name, why = choose(settings(tmp_path))
    assert name == "flite"
    assert "piper-tts is not installed" in why


def test_auto_takes_the_server_that_is_set(tmp_path):
    """Without a voice, the server of VIVA_TTS_OPENAI_URL speaks."""
    assert choose(settings(tmp_path, openai_url="http://localhost:1"))[0] == "openai"


def test_auto_ends_with_flite(tmp_path):
    """With nothing else there it is flite; a model without its description is no voice."""
    (tmp_path / "whisper.onnx").write_bytes(b"")
    name, why = choose(settings(tmp_path))
    assert (name, "no Piper voice" in why) == ("flite", True)


def test_a_named_engine_is_taken(tmp_path):
    """What is named is not second-guessed."""
    assert choose(settings(tmp_path, engine="gtts")) == ("gtts", "VIVA_TTS_ENGINE is gtts")


def test_piper_is_not_imported_unless_chosen():
    """The GPL package stays out of a process that speaks with flite."""
    program = (
        "import sys; from viva_tts.app import create_app; from viva_tts.settings import TTSSettings; "
        "create_app(TTSSettings(engine='flite')); sys.exit('piper' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_engine_without_its_package_says_which(tmp_path, monkeypatch):
    """A missing dependency is a sentence with its name."""
    monkeypatch.delitem(sys.modules, "viva_tts.engines.piper", raising=False)
    monkeypatch.setitem(sys.modules, "piper", None)
    with pytest.raises(EngineUnavailable, match=r"'piper'.*not installed"):
        make_engine("piper", settings(tmp_path), Bridge(1))


def test_settings_come_from_the_environment():
    """Variables have the prefix VIVA_TTS_, the shared ones VIVA_."""
    loaded = load_settings(TTSSettings, {"VIVA_TTS_ENGINE": "fake", "VIVA_PORT": "9000", "VIVA_TTS_MAX_ACTIVE": "2"})
    assert (loaded.engine, loaded.port, loaded.max_active) == ("fake", 9000, 2)
    assert load_settings(TTSSettings, {}).port == 8083


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIVA_TTS_ENGINE", "festival"),
        ("VIVA_TTS_MAX_ACTIVE", "0"),
        ("VIVA_TTS_OPENAI_URL", "localhost:8000"),
    ],
)
def test_a_wrong_setting_stops_the_start(name, value, capsys):
    """A wrong variable is named in a sentence."""
    with pytest.raises(SystemExit) as stopped:
        load_settings(TTSSettings, {name: value})
    assert stopped.value.code == 2
    assert f"{name} is wrong: {value!r}" in capsys.readouterr().err
