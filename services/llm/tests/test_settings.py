"""Settings of the llm service: what `auto` takes, and wrong ones that stop the start with a sentence."""

import os
import subprocess
import sys

import pytest

from viva.errors import EngineUnavailable
from viva.service.engines import import_engine
from viva.service.settings import load_settings
from viva_llm.engine import ENGINES, choose
from viva_llm.settings import LLMSettings

TWO = "a=openai:http://a/v1|m,b=openai:http://b/v1|m"


def test_auto_without_a_server_is_extractive():
    """A fresh machine answers by quoting, and says why."""
    specs, why = choose(LLMSettings())
    assert [spec.name for spec in specs] == ["extractive"]
    assert "VIVA_LLM_OPENAI_URL" in why


def test_auto_with_a_server_takes_it_first():
    """VIVA_LLM_OPENAI_URL alone is enough to use a model server."""
    specs, _why = choose(LLMSettings(openai_url="http://vllm:8000/v1/", openai_model="m"))
    assert [(spec.name, spec.url, spec.model) for spec in specs] == [
        ("openai", "http://vllm:8000/v1", "m"),
        ("extractive", "", ""),
    ]


def test_each_server_gets_its_own_key():
    """Keys go by the backend's name; one key serves the only server."""
    settings = LLMSettings(backends=TWO, api_keys="a=ka, b=kb=")
    assert [settings.key_of(name) for name in "ab"] == ["ka", "kb="]
    single = LLMSettings(backends="openai:http://a/v1,extractive", api_key="k")
    assert single.key_of("openai") == "k"


@pytest.mark.parametrize(
    ("variables", "sentences"),
    [
        ({"VIVA_LLM_BACKENDS": "openai:nowhere"}, ["VIVA_LLM_BACKENDS is wrong", "needs an http address"]),
        ({"VIVA_LLM_OPENAI_URL": "localhost"}, ["VIVA_LLM_OPENAI_URL is wrong", "needs an http address"]),
        ({"VIVA_LLM_MAX_ACTIVE": "0"}, ["VIVA_LLM_MAX_ACTIVE is wrong"]),
        ({"VIVA_LLM_FIRST_TOKEN_TIMEOUT_S": "soon"}, ["VIVA_LLM_FIRST_TOKEN_TIMEOUT_S is wrong"]),
        ({"VIVA_LLM_AUDIO_URL_PREFIXES": "http://store"}, ["VIVA_LLM_AUDIO_URL_PREFIXES is wrong"]),
        ({"VIVA_LLM_API_KEYS": "sk-secret"}, ["VIVA_LLM_API_KEYS is wrong", "entry 1 is not of the form"]),
        ({"VIVA_LLM_BACKENDS": TWO, "VIVA_LLM_API_KEY": "sk-secret"}, ["several servers (a, b)"]),
        ({"VIVA_LLM_BACKENDS": TWO, "VIVA_LLM_API_KEYS": "c=sk-secret"}, ["a key for 'c'"]),
    ],
)
def test_wrong_setting_stops_the_start_with_a_sentence(variables, sentences, capsys):
    """The start ends with status 2 and says which variable is wrong and how; a key is never repeated."""
    with pytest.raises(SystemExit) as caught:
        load_settings(LLMSettings, variables)
    said = capsys.readouterr().err
    assert caught.value.code == 2
    for sentence in sentences:
        assert sentence in said
    assert "sk-secret" not in said


def test_process_stops_with_the_sentence_alone():
    """The service itself exits 2 without a traceback."""
    run = subprocess.run(
        [sys.executable, "-m", "viva_llm"],
        env={"PATH": os.environ["PATH"], "VIVA_LLM_BACKENDS": "nothing"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert "VIVA_LLM_BACKENDS is wrong: 'nothing' should be `auto` or a list of backends" in run.stderr
    assert "Traceback" not in run.stderr


def test_every_engine_of_the_table_loads():
    """The import strings name classes that exist; an unknown name is told apart."""
    for name in ENGINES:
        assert import_engine(ENGINES, name, stage="llm").kind == name
    with pytest.raises(EngineUnavailable, match="no llm engine called 'nope'"):
        import_engine(ENGINES, "nope", stage="llm")
