"""Every object of every combination is one that Kubernetes would take, in three of its versions."""

import json
from functools import cache

import jsonschema
import kubernetes_validate
import kubernetes_validate.utils
import pytest
import yaml

from .chart import CHART, render
from .combinations import ALL
from .custom_resources import SPECS
from .kubernetes_versions import VERSIONS
from .manifests import Manifest, name_of


@pytest.fixture(scope="module")
def objects() -> dict[str, tuple[str, Manifest]]:
    """All different objects of all combinations, each with the name of the first combination that has it."""
    found: dict[str, tuple[str, Manifest]] = {}
    for name, values in ALL.items():
        for manifest in render(values).objects:
            found.setdefault(json.dumps(manifest, sort_keys=True), (name, manifest))
    return found


@pytest.fixture(autouse=True, scope="module")
def _schemas_read_once() -> None:
    """The library reads a megabyte of definitions again for each object."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
        yield


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_would_take_every_object(objects, version):
    """`kubernetes-validate --strict`: no field that it does not know, and every value of the right type."""
    wrong = []
    for combination, manifest in objects.values():
        if manifest["apiVersion"] not in SPECS:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                wrong.append(f"{combination}: {name_of(manifest)}: {'.'.join(map(str, error.path))}: {error.message}")
    assert wrong == []


def test_operators_would_take_their_objects(objects):
    """Each object of an operator is held against the fields that its definition has."""
    seen = set()
    for combination, manifest in objects.values():
        if manifest["apiVersion"] in SPECS:
            schema = SPECS[manifest["apiVersion"]][manifest["kind"]]
            seen.add(manifest["kind"])
            try:
                jsonschema.validate(manifest["spec"], schema)
            except jsonschema.ValidationError as error:
                pytest.fail(f"{combination}: {name_of(manifest)}: {'.'.join(map(str, error.path))}: {error.message}")
    assert seen == {kind for kinds in SPECS.values() for kind in kinds}


def test_a_wrong_field_is_found():
    """The strict schemas are closed: a misspelt field does not pass."""
    manifest = render().component("Service", "asr")[0]
    wrong = manifest | {"spec": manifest["spec"] | {"sessionAfinity": "None"}}
    with pytest.raises(kubernetes_validate.ValidationError, match="sessionAfinity"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_the_oldest_version_is_the_one_that_the_chart_asks_for():
    """Chart.yaml's kubeVersion lets in nothing older than what is validated."""
    asked = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]
    assert asked == f">={VERSIONS[0]}.0-0"
