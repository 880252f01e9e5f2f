"""Every combination of values lints, renders, and renders the same from the package."""

import re
import subprocess

import pytest
import yaml
import yamllint.config
import yamllint.linter

from .chart import CHART, NAMESPACE, RELEASE, ROOT, lint, render
from .combinations import ALL, CLUSTER_FILES, WRITTEN, files
from .kubernetes_versions import VERSIONS
from .manifests import DuplicateKey, name_of, parse


def test_there_are_enough_combinations():
    """At least 25 of the tests' own, no two alike, and every values file of k8s/."""
    assert len(WRITTEN) >= 25
    assert len({yaml.safe_dump(values) for values in WRITTEN.values()}) == len(WRITTEN)
    listed = subprocess.run(["git", "ls-files", "k8s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    values_files = {name for name in listed.split() if "values" in name and name.endswith((".yaml", ".yml"))}
    assert values_files <= set(CLUSTER_FILES)


def test_a_combination_changes_what_is_rendered():
    """A combination that asks for what is there anyway would test nothing."""
    plain = render().texts
    same = [name for name, values in WRITTEN.items() if name != "defaults" and render(values).texts == plain]
    assert same == []


def test_lint_finds_nothing(combination):
    """Neither errors nor warnings."""
    assert lint(ALL[combination], VERSIONS[0]) == []


def test_the_package_renders_the_same(combination, rendered, package):
    """Nothing that a template reads is left out of the package."""
    assert without_secrets(render(ALL[combination], chart=package).texts) == without_secrets(rendered.texts)


def without_secrets(texts: dict[str, str]) -> dict[str, str]:
    """Rendered without a cluster, a generated password is another one each time."""
    return {
        path: re.sub(r"^  password: .*$", "  password: …", text, flags=re.MULTILINE) for path, text in texts.items()
    }


def test_objects_are_named_once_and_placed(rendered):
    """No two objects of a kind share a name; all are in the release's namespace but those that have none."""
    names = [name_of(manifest) for manifest in rendered.objects]
    assert sorted(names) == sorted(set(names))
    for manifest in rendered.objects:
        if manifest["kind"] != "PriorityClass":
            assert manifest["metadata"].get("namespace") == NAMESPACE, name_of(manifest)


def test_names_can_be_names(rendered):
    """Services have at most 63 characters; pods of a StatefulSet need room for their number; labels have 63."""
    for manifest in rendered.objects:
        name = manifest["metadata"]["name"]
        limit = {"Service": 63, "StatefulSet": 52, "Deployment": 52, "Job": 63}.get(manifest["kind"], 253)
        assert len(name) <= limit, name
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name), name
        for label, value in manifest["metadata"].get("labels", {}).items():
            assert re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", value), (name, label, value)


def test_every_object_says_whose_it_is(rendered):
    """Kubernetes' recommended labels, with the values that given labels may not change."""
    for manifest in rendered.objects:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == RELEASE
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/part-of"] == "viva"
        assert {"app.kubernetes.io/name", "app.kubernetes.io/version", "helm.sh/chart"} <= set(labels), name_of(
            manifest
        )


def test_an_object_has_a_file_of_its_own(rendered):
    """One object a template, unless the template repeats one kind over groups or services."""
    kinds: dict[str, set[str]] = {}
    for path, manifest in rendered.sources:
        kinds.setdefault(path, set()).add(manifest["kind"])
    assert {path: found for path, found in kinds.items() if len(found) > 1} == {}


def test_a_key_twice_is_found():
    """The parser of these tests refuses what others take silently."""
    with pytest.raises(DuplicateKey, match="'a' twice"):
        list(parse("a: 1\nb: 2\na: 3\n"))


def test_the_notes_say_how_to_get_in(rendered, combination):
    """The port-forward, or the host of the way in that was chosen; and how to test."""
    notes = rendered.notes
    host = ALL[combination].get("ingress", {}).get("host")
    front_door = rendered.component("Service", "orchestrator")[0]["metadata"]["name"]
    assert (f"https://{host}" in notes) if host else (f"port-forward service/{front_door} " in notes), notes
    if ALL[combination].get("tests", {}).get("enabled", True):
        assert f"helm test {RELEASE} --namespace {NAMESPACE}" in notes.replace(" -n ", " --namespace ")


@pytest.mark.parametrize("path", [CHART / "Chart.yaml", CHART / "values.yaml", *files()], ids=lambda path: path.name)
def test_the_yaml_is_tidy(path):
    """yamllint's own rules; long lines are comments, and braces keep short things short."""
    config = yamllint.config.YamlLintConfig(
        "{extends: default, rules: {document-start: disable, braces: {max-spaces-inside: 1}, "
        "line-length: {max: 170}, comments: {min-spaces-from-content: 1}, comments-indentation: disable}}"
    )
    assert [str(problem) for problem in yamllint.linter.run(path.read_text(), config)] == []
