"""What is started, and what is not because the user names one that is there."""

import pytest

from viva.stack.plan import Place, WrongSettings, plan


def names(parts) -> list[str]:
    return [part.name for part in parts]


def test_redis_first_then_the_stages_then_the_front_door(tmp_path):
    """Every stage gets an address of its own, and the orchestrator is told all of them."""
    parts = plan(Place(tmp_path, 8123), {})
    assert names(parts) == ["redis", "asr", "llm", "tts", "orchestrator"]
    assert [part.starts_first for part in parts] == [True, False, False, False, False]
    front = parts[-1]
    assert front.url == "http://127.0.0.1:8123"
    for part in parts[:-1]:
        assert front.environ[f"VIVA_{part.name.upper()}_URL"] == part.url
    assert len({part.url for part in parts}) == 5


def test_what_the_user_names_is_used_and_not_started(tmp_path):
    """A stage or a Redis of the user's is left to the user."""
    environ = {"VIVA_ASR_URL": "http://10.0.0.1:9000", "VIVA_REDIS_URL": "redis://10.0.0.2:6379/0"}
    parts = plan(Place(tmp_path, 8123), environ)
    assert names(parts) == ["llm", "tts", "orchestrator"]
    assert parts[-1].environ["VIVA_ASR_URL"] == "http://10.0.0.1:9000"
    assert parts[-1].environ["VIVA_REDIS_URL"] == "redis://10.0.0.2:6379/0"


def test_what_is_set_to_nothing_counts_as_unset(tmp_path):
    """An empty address does not take the place of the stack's own, nor an empty setting that of the stack's."""
    parts = plan(Place(tmp_path, 8123), {"VIVA_ASR_URL": "", "VIVA_REDIS_URL": "", "VIVA_DRAIN_S": "", "OTHER": ""})
    assert names(parts) == ["redis", "asr", "llm", "tts", "orchestrator"]
    front = parts[-1].environ
    assert (front["VIVA_REDIS_URL"], front["VIVA_ASR_URL"]) == (parts[0].url, parts[1].url)
    assert front["VIVA_DRAIN_S"]
    assert front["OTHER"] == ""


def test_only_the_front_door_listens_on_the_users_address(tmp_path):
    """The stages stay on loopback, whatever the public address is."""
    parts = plan(Place(tmp_path, 8123, "0.0.0.0"), {"VIVA_HOST": "0.0.0.0"})
    hosts = {part.name: part.environ.get("VIVA_HOST") for part in parts if part.name != "redis"}
    assert hosts == {"asr": "127.0.0.1", "llm": "127.0.0.1", "tts": "127.0.0.1", "orchestrator": "0.0.0.0"}


def test_wrong_settings_stop_before_anything_starts(tmp_path):
    """Every wrong variable gets its sentence at once."""
    environ = {"VIVA_ASR_ENGINE": "whispr", "VIVA_LOG_LEVEL": "loud"}
    with pytest.raises(WrongSettings) as refused:
        plan(Place(tmp_path, 8123), environ)
    assert "VIVA_ASR_ENGINE is wrong" in refused.value.message
    assert refused.value.message.count("VIVA_LOG_LEVEL is wrong") == 1
