"""What scripts/chart_reference makes of values.yaml: the schema and the tables of values, complete and of today."""

import importlib.util
import json
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType

import helm_python
import pytest
import yaml

from viva.models import read_manifest
from viva.stack.environment import known_variables

from .chart import CHART, ROOT, defaults, render

SCRIPT = ROOT / "scripts" / "chart_reference"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# Keys that no template reads by name: what is in them goes into the manifests as it is.
READ_WHOLE = {"topologySpread", "podSecurityContext"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    loader = SourceFileLoader("chart_reference", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module  # its dataclass looks itself up
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def leaves(script: ModuleType) -> list:
    """Every value of values.yaml that has no others below it."""
    root = script.read_values((CHART / "values.yaml").read_text())
    return [value for value in script._below(root) if not value.children]


def objects_in(schema: dict, path: str = "") -> list[tuple[str, dict]]:
    """Every part of the schema that describes an object, with its path."""
    found = [(path, schema)] if schema.get("type") == "object" else []
    for name, part in {**schema.get("properties", {}), **schema.get("$defs", {})}.items():
        found += objects_in(part, f"{path}.{name}".lstrip("."))
    if isinstance(schema.get("items"), dict):
        found += objects_in(schema["items"], f"{path}[]")
    return found


def test_schema_and_tables_are_those_of_today():
    """scripts/chart_reference writes both from values.yaml and from the services' settings."""
    check = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr


def test_drift_is_found(script, monkeypatch, tmp_path):
    """A comment that was changed without running the script fails the check, and says what to run."""
    for name in ("values.yaml", "README.md", "values.schema.json"):
        (tmp_path / name).write_text((CHART / name).read_text())
    for attribute, name in (
        ("VALUES", "values.yaml"),
        ("README", "README.md"),
        ("SCHEMA", "values.schema.json"),
    ):
        monkeypatch.setattr(script, attribute, tmp_path / name)
    monkeypatch.setattr(script.sys, "argv", ["chart_reference", "--check"])
    script.main()
    text = (tmp_path / "values.yaml").read_text()
    (tmp_path / "values.yaml").write_text(text.replace("# Stop when the cluster", "# Halt when the cluster"))
    with pytest.raises(SystemExit, match="run scripts/chart_reference"):
        script.main()


def test_a_value_without_a_comment_is_refused(script):
    """Nothing gets into values.yaml undocumented."""
    with pytest.raises(SystemExit, match="a has no comment"):
        script.read_values("a: 1\n")
    assert script.read_values("# What a is.\n# @min 1\na: 1\n").children["a"].text == "What a is."


def test_every_value_is_in_the_readme_with_its_default(leaves):
    """One row for each."""
    tables = (CHART / "README.md").read_text().partition("<!-- values: ")[2]
    rows = re.findall(r"^\| `([^`]+)` \|", tables, flags=re.MULTILINE)
    assert len(leaves) > 250
    assert [value.path for value in leaves if rows.count(value.path) != 1] == []


def test_every_value_is_read_by_a_template(leaves):
    """A value that nothing reads would be a promise that nobody keeps."""
    templates = "\n".join(path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file())
    unread = []
    for value in leaves:
        *above, name = value.path.split(".")
        if not re.search(rf"\.{re.escape(name)}\b", templates) and not READ_WHOLE & {name, *above}:
            unread.append(value.path)
    # The entries of a map that templates go through by its keys.
    assert [path for path in unread if not path.startswith(("vllm.profiles.", "vllm.groups."))] == []


def test_the_schema_is_closed(leaves):
    """Every object lists its keys, but those whose comment in values.yaml says that any may be there."""
    open_ones = {
        path
        for path, part in objects_in(SCHEMA)
        if "additionalProperties" not in part and "patternProperties" not in part
    }
    free = {value.path for value in leaves if "free" in value.rules}
    lists = {f"{value.path}[]" for value in leaves if value.rules.get("items") == "object"}
    assert open_ones == free | lists | {"global"}
    assert {path.rpartition(".")[2] for path in free} == {
        "affinity",
        "args",
        "containerSecurityContext",
        "podSecurityContext",
        "resources",
    }


@pytest.mark.parametrize(
    "values",
    [
        {"orchestrater": {}},
        {"asr": {"replica": 2}},
        {"tts": {"probes": {"readiness": {"periodSecond": 1}}}},
        {"vllm": {"groups": {"qwen": {"profil": "qwen2.5-omni-3b"}}}},
        {"vllm": {"groups": {"qwen": {"cache": {"typ": "shared"}}}}},
        {"vllm": {"groups": {"Qwen": {"profile": "qwen2.5-omni-3b"}}}},
        {"asr": {"engine": "wisper"}},
        {"asr": {"models": {"names": ["piper-lessac"]}}},
        {"asr": {"env": {"VIVA_ASR_WORKER": "2"}}},
        {"tts": {"env": {"VIVA_ASR_WORKERS": "2"}}},
        {"llm": {"env": {"VIVA_LLM_MAX_ACTIVE": 12}}},
        {"llm": {"servers": [{"adress": "https://llm.example.org/v1"}]}},
        {"redis": {"url": "redis://:secret@redis:6379/0"}},
        {"redis": {"auth": {"password": "with/slash@and:colon"}}},
        {"objectStore": {"type": "nfs"}},
        {"autoscaling": {"mode": "both"}},
        {"vllm": {"defaults": {"revision": "main"}}},
    ],
    ids=str,
)
def test_what_is_misspelt_is_refused_by_the_schema_of_the_package(values, package):
    """Keys, choices, variables and names: the packaged chart knows what there is."""
    with helm_python.Chart.load(package) as chart, pytest.raises(helm_python.HelmError):
        chart.validate_schema(values)


def test_what_is_right_passes_the_schema():
    """The defaults, variables that the services read, and those that are not ours."""
    render({"asr": {"env": {"VIVA_ASR_MAX_SEGMENT_S": "15", "HTTPS_PROXY": "http://proxy:3128"}}})
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema({})
        chart.validate_schema(defaults())


def test_variables_and_models_are_those_of_the_code():
    """What the services come to read, and the models that come to be pinned, the schema takes at once."""
    listed = set()
    for service in ("orchestrator", "asr", "llm", "tts"):
        names = SCHEMA["properties"][service]["properties"]["env"]["propertyNames"]["anyOf"][0]["enum"]
        listed.update(names)
    ours = {name for name in known_variables() if name.startswith("VIVA_")}  # others are taken as they are
    assert listed == ours - {"VIVA_URL", "VIVA_DATA_DIR"}
    for service, engine in (("asr", "whisper"), ("tts", "piper")):
        names = SCHEMA["properties"][service]["properties"]["models"]["properties"]["names"]["items"]["enum"]
        assert names == [model.name for model in read_manifest() if model.engine == engine]


def test_profiles_are_within_the_schema_of_a_group():
    """A profile is a group that says less."""
    profiles = yaml.safe_load((CHART / "values.yaml").read_text())["vllm"]["profiles"]
    with helm_python.Chart.load(CHART) as chart:
        for name, profile in profiles.items():
            chart.validate_schema({"vllm": {"groups": {"group": profile}}})
            assert render({"vllm": {"groups": {"group": {"profile": name}}}}).component("Deployment", "vllm")
