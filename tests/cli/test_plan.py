"""`viva plan` as it is called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "scale" / "report.json"
PRICES = ROOT / "docs" / "scale" / "prices.toml"


def plan(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "viva.cli", "plan", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
    )
    assert "Traceback" not in done.stderr
    return done


def test_people_read_what_they_need_and_what_it_rests_on():
    """Replicas, nodes, the bill, what breaks first, and which figures are measured and which assumed."""
    done = plan(REPORT, "--people", 1000, "--gpu", "p5.4xlarge", "--prices", PRICES)
    assert done.returncode == 0, done.stderr
    for part in ("1,000 people a day", "p5.4xlarge", "H100", "USD a month", "a thousand", "Breaks first: "):
        assert part in done.stdout
    rests_on = done.stdout.partition("What this rests on")[2]
    assert "measured" in rests_on
    assert "GPU nodes: assumed" in rests_on
    assert "habits: assumed" in rests_on


def test_programs_read_json():
    """One object for each number of people; without prices the cost is null."""
    done = plan(REPORT, "--people", 100, "--people", 200, "--gpu", "none", "--json")
    found = json.loads(done.stdout)
    assert [each["people"] for each in found] == [100, 200]
    assert found[0]["cost_per_month"] is None
    assert found[0]["gpu_nodes"] == 0
    assert found[0]["breaks_at_people"] > 100


def test_the_limit_that_refuses_is_the_settings_own():
    """The plan says when waiting would be longer than VIVA_WAIT_TOLERANCE allows, and knows its default."""
    from viva.cli.plan import WAIT_TOLERANCE
    from viva_orchestrator.settings import Settings

    assert Settings.model_fields["wait_tolerance"].default == WAIT_TOLERANCE


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("no-such.json",), "There is no file no-such.json."),
        ((PRICES,), "is not JSON"),
        ((REPORT, "--gpu", "abacus"), "There is no GPU node 'abacus'"),
        ((REPORT, "--habits", PRICES), "it knows questions, lectures, sizes"),
        ((REPORT, "--prices", ROOT / "k8s" / "eks-cost.toml"), "has no date"),
        ((REPORT, "--slo", "0.05", "--gpu", "none"), "No number of replicas holds 50 ms"),
    ],
)
def test_what_cannot_be_planned_is_a_sentence(arguments, sentence: str):
    """And status 2, with nothing on stdout."""
    done = plan(*arguments)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
    assert done.stdout == ""
