"""Wrong combinations of values stop the install with a sentence that says what to set."""

import re
from pathlib import Path

import helm_python
import pytest
import yaml

from .chart import CHART, NAMESPACE, RELEASE, defaults, render

REFUSALS: dict[str, dict] = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text())
VALIDATION = CHART / "templates" / "_validate.tpl"


def refusal(values: dict, chart: Path = CHART) -> list[str]:
    """The sentences that stop an install with `values`."""
    with helm_python.Chart.load(chart) as loaded, pytest.raises(helm_python.HelmRenderError) as error:
        loaded.render(values, name=RELEASE, namespace=NAMESPACE)
    return [line.removeprefix("- ") for line in str(error.value).splitlines() if line.startswith("- ")]


@pytest.mark.parametrize("case", REFUSALS)
def test_what_does_not_fit_together_is_refused_in_a_sentence(case: str):
    """One thing wrong, one sentence, word for word."""
    assert refusal(REFUSALS[case]["values"]) == [REFUSALS[case]["says"]]


@pytest.mark.parametrize("case", REFUSALS)
def test_the_schema_leaves_the_refusal_to_the_sentence(case: str):
    """The values of these cases are of the right types, so that people read the sentence and no schema error."""
    with helm_python.Chart.load(CHART) as loaded:
        loaded.validate_schema(REFUSALS[case]["values"])


def test_every_sentence_of_the_chart_is_pinned():
    """Each line of text in _validate.tpl is a sentence that some case brings out; none is there that nobody sees."""
    lines = [
        line
        for line in VALIDATION.read_text().splitlines()
        if line.strip() and not line.startswith(("{{-", "{{/*", "  "))
    ]
    said = [case["says"] for case in REFUSALS.values()]
    unseen = [
        line
        for line in lines
        if len(line) > 40
        and "{{ if contains" not in line
        and not any(as_pattern(line).fullmatch(text) for text in said)
    ]
    assert unseen == []
    assert len(lines) > 30


def as_pattern(line: str) -> re.Pattern[str]:
    """A line of a template as a pattern of what can come of it."""
    pieces = re.split(r"\{\{.*?\}\}", line)
    return re.compile(".*".join(re.escape(piece) for piece in pieces))


def test_a_sentence_says_what_to_do():
    """Each names a value to set, take out, or something to install."""
    for case, refused in REFUSALS.items():
        assert re.search(r"\b(Set|Take it out|Install it|Install the)\b", refused["says"]), case
        assert refused["says"].endswith((".", ".)")), case


def test_all_that_is_wrong_is_said_at_once():
    """Two mistakes, two sentences: nobody mends one to be told the next."""
    assert len(refusal({"redis": {"enabled": False}, "objectStore": {"type": "s3"}})) == 2


def test_the_package_refuses_as_well(package: Path):
    """The templates that check the values are in it."""
    case = REFUSALS["no Redis at all"]
    assert refusal(case["values"], package) == [case["says"]]


def test_an_unknown_profile_is_refused_with_those_that_there_are():
    """It stops before the other checks, which look at groups with their profiles laid under them."""
    values = {"vllm": {"groups": {"own": {"profile": "qwen"}}}}
    with pytest.raises(helm_python.HelmRenderError) as error:
        render(values)
    known = ", ".join(sorted(defaults()["vllm"]["profiles"]))
    assert f'vllm.groups.own.profile is "qwen", and there is no such profile. Set it to one of: {known}.' in str(
        error.value
    )


def test_values_are_refused_in_one_place_only():
    """No other template fails but for the unknown profile above: all sentences are found in one file."""
    failing = [
        found[0]
        for path in (CHART / "templates").rglob("*")
        if path.is_file() and path != VALIDATION
        for found in re.finditer(r"\b(fail|required)\s+[\"(].*", path.read_text())
    ]
    assert len(failing) == 1
    assert "there is no such profile" in failing[0]
