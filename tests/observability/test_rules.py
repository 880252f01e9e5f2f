"""promtool on the rules: each alert fires when it should and stays quiet when it should not."""

import subprocess
from pathlib import Path

import pytest
import yaml

from viva.stack.prometheus import find_program

from .queries import ROOT, RULES, rules

# All strings: 0x10 is ten steps of nothing to promtool, and sixteen to YAML.
CASES = yaml.load((Path(__file__).parent / "alert_cases.yaml").read_text(), yaml.BaseLoader)
SCOPE = {"namespace": "n", "release": "r"}


def promtool(*arguments: object) -> str:
    """What it prints; fails the test where it finds something wrong."""
    command = [find_program("promtool"), *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def labelled(series: str, labels: dict[str, str]) -> str:
    """The series with these labels, too."""
    more = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return series.replace("{", "{" + more + ",", 1)


def as_test(case: dict) -> dict:
    """A case as promtool wants it."""
    scope = case.get("scope", SCOPE)
    expected = [
        {
            "exp_labels": {**(scope if scope == SCOPE else {}), **raised["labels"]},
            "exp_annotations": {
                "summary": raised["summary"],
                "runbook_url": f"docs/runbooks/{case['alert']}.md",
            },
        }
        for raised in case.get("expect", ())
    ]
    return {
        "interval": "1m",
        "input_series": [
            {"series": labelled(series, scope), "values": values} for series, values in case["series"].items()
        ],
        "alert_rule_test": [{"eval_time": case["at"], "alertname": case["alert"], "exp_alerts": expected}],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['alert']}: {case['when']}")
def test_alerts_fire_when_they_should_and_only_then(case: dict, tmp_path: Path):
    """The labels, the sentence with its figure, and the runbook are those that somebody is woken with."""
    file = tmp_path / "case.yaml"
    files = [str(path) for path in RULES]
    file.write_text(yaml.safe_dump({"rule_files": files, "evaluation_interval": "1m", "tests": [as_test(case)]}))
    promtool("test", "rules", file)


def test_every_alert_is_seen_to_fire_and_to_stay_quiet():
    """None is in the rules without a case of each kind, for each of its severities."""
    wanted = {(rule["alert"], rule["labels"]["severity"]) for rule in rules("alert")}
    fired = {(case["alert"], each["labels"]["severity"]) for case in CASES for each in case.get("expect", ())}
    quiet = {case["alert"] for case in CASES if not case.get("expect")}
    assert fired == wanted
    assert quiet == {alert for alert, _ in wanted}


def test_the_rules_are_what_prometheus_takes():
    """promtool check finds nothing, and no rule is there twice."""
    for path in RULES:
        assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", path)


def test_a_wrong_expectation_is_noticed(tmp_path: Path):
    """promtool says no to a case that expects an alert from a system that is well."""
    case = next(each for each in CASES if each["alert"] == "VivaPartDown" and not each.get("expect"))
    wrong = case | {"expect": [{"labels": {"severity": "critical"}, "summary": "No asr answers Prometheus."}]}
    file = tmp_path / "case.yaml"
    files = [str(path) for path in RULES]
    file.write_text(yaml.safe_dump({"rule_files": files, "evaluation_interval": "1m", "tests": [as_test(wrong)]}))
    with pytest.raises(AssertionError, match="VivaPartDown"):
        promtool("test", "rules", file)


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook(rule: dict):
    """A page of its own that says what it means, who feels it, how to look and how to mend."""
    path = ROOT / rule["annotations"]["runbook_url"]
    assert path.stem == rule["alert"]
    text = path.read_text()
    for part in ("What it means", "Who feels it", "How to look", "How to mend"):
        assert f"\n## {part}\n" in text, part
