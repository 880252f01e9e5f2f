"""The profiles of services/llm/vllm: the arithmetic of what fits, its table, and the chart's own profiles."""

import dataclasses
import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "services" / "llm" / "vllm"
CHART = yaml.safe_load((ROOT / "charts" / "viva" / "values.yaml").read_text())["vllm"]
KNOWN_FLAGS = tomllib.loads((ROOT / "tests" / "chart" / "recorded.toml").read_text())["vllm"]["flags"]
GIB = 1024**3


@pytest.fixture(scope="module")
def what_fits():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("what_fits", FOLDER / "what_fits.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def profiles(what_fits):
    return {profile.name: profile for profile in what_fits.read_profiles()}


def test_parameters_come_out_as_published(profiles):
    """To the last one, where the publisher gives the exact number."""
    assert profiles["llama-3.1-8b-instruct-a10g"].shape.parameters == 8_030_261_248
    assert profiles["qwen3-embedding-0.6b-l4"].shape.parameters == 595_776_512


def test_the_encoder_of_sound_is_as_large_as_whispers(profiles):
    """That of Whisper large v3, 637 million parameters, with a projection of 2.6 million into the model."""
    shape = profiles["qwen2.5-omni-3b-a10g"].shape
    assert shape.audio.parameters(shape.hidden) == pytest.approx(637e6 + 2.6e6, rel=0.005)


def test_a_token_in_the_cache(profiles):
    """Keys and values of all layers; half as much in 8 bits."""
    assert profiles["llama-3.1-8b-instruct-a10g"].kv_of_token == 2 * 32 * 8 * 128 * 2 == 131_072
    assert profiles["llama-3.1-8b-instruct-l4-fp8"].kv_of_token == 65_536
    assert profiles["qwen2.5-omni-3b-a10g"].kv_of_token == 36_864


def test_eight_bits_halve_the_matrices_alone(profiles):
    """The embeddings keep 16 bits."""
    full, small = profiles["llama-3.1-8b-instruct-l4"], profiles["llama-3.1-8b-instruct-l4-fp8"]
    assert full.weights == 2 * 8_030_261_248
    assert small.weights == 8_030_261_248 + full.shape.embeddings


def test_the_parts_never_exceed_what_vllm_may_take(profiles):
    """Weights, activations and cache together, with less than a block of the cache left over."""
    for profile in profiles.values():
        taken = profile.weights + profile.activations + profile.cached_tokens * profile.kv_of_token
        assert 0 <= profile.budget - taken < 16 * profile.kv_of_token


def test_every_profile_fits(profiles):
    """One request of the full length, within the model's own context, and something is left for a second one."""
    for profile in profiles.values():
        assert profile.at_full_length >= 2, profile.name
        assert int(profile.flags["max-model-len"]) <= profile.shape.context


def test_a_model_that_does_not_fit_is_seen(profiles):
    """A hundred thousand tokens of Llama in 16 bits do not go onto 24 GB."""
    fits = profiles["llama-3.1-8b-instruct-a10g"]
    long = dataclasses.replace(fits, flags={**fits.flags, "max-model-len": 100_000})
    assert long.at_full_length < 1


def test_the_readme_has_the_table(what_fits):
    """what_fits.py --write puts it there."""
    text = (FOLDER / "README.md").read_text()
    assert what_fits.written(text) == text


def test_flags_are_the_servers_own(profiles):
    """Each is one that vLLM of this version has, as is each that the README explains."""
    explained = re.findall(r"^\| `--([a-z-]+)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    used = {flag for profile in profiles.values() for flag in profile.flags}
    assert {*explained, *used} - set(KNOWN_FLAGS) == set()


def test_revisions_are_commits(profiles):
    """Nothing that can change under its name."""
    for profile in profiles.values():
        assert re.fullmatch("[0-9a-f]{40}", profile.revision), profile.name


def test_the_charts_profiles_say_the_same(profiles):
    """Model, revision and every flag, defaults included; each profile of the chart has its file."""
    named = {profile.chart: profile for profile in profiles.values() if profile.chart}
    assert set(named) == set(CHART["profiles"])
    for name, in_chart in CHART["profiles"].items():
        file = named[name]
        assert (in_chart["model"], in_chart["revision"]) == (file.repository, file.revision)
        flags = CHART["defaults"]["args"] | in_chart["args"]
        pooling = {"runner": "pooling"} if in_chart.get("serves") == "embeddings" else {}
        assert {flag: value for flag, value in flags.items() if value is not False} | pooling == file.flags


def test_the_versions_are_the_same_everywhere():
    """In the chart, in the README, and of what the tests on a real server install."""
    version = CHART["image"]["tag"].removeprefix("v")
    assert f"{CHART['image']['repository']}:v{version}" in (FOLDER / "README.md").read_text()
    assert f'VERSION="{version}"' in (ROOT / "scripts" / "vllm_env").read_text()
