"""`viva plan` as it is called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "scale" / "report.json"
PRICES = ROOT / "docs" / "scale" / "prices.toml"
FAKES = ROOT / "tests" / "loadtest" / "data" / "report.json"
SLOW = ("--slo", "0.05")


@pytest.fixture
def of_a_url(tmp_path: Path) -> Path:
    """The report of a run against a URL: it has the turns, and nothing of the services' CPU and workers."""
    report = json.loads(REPORT.read_text()) | {"resources": {}, "places": {}}
    (tmp_path / "turns.jsonl").write_bytes(REPORT.with_name("turns.jsonl").read_bytes())
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    return path


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


def figures_of(done: subprocess.CompletedProcess[str], stage: str) -> str:
    """The words in the table's last column, after two spaces at least."""
    line = next(line for line in done.stdout.splitlines() if line.strip().startswith(stage))
    return line.strip().rpartition("  ")[2]


def test_a_report_without_cpu_is_warned_of_before_any_number(of_a_url: Path):
    """What is unknown, what is too low for it, and what to do; and no stage is called measured, or idle."""
    done = plan(of_a_url, "--gpu", "none")
    warning, _, rest = done.stdout.partition("\n\n")
    assert warning.startswith("Warning: The report does not know the CPU of orchestrator, asr, llm, tts")
    assert "CPU nodes and their bill are too low" in warning
    assert "`make loadtest SCENARIO=embedded`" in warning
    assert [figures_of(done, stage) for stage in ("orchestrator", "asr", "llm", "tts")] == ["CPU unknown"] * 4
    assert "0%" not in rest.partition("Nodes: ")[0]
    assert "Breaks first, going by times alone: " in rest
    assert "with callers on AMD EPYC" in rest


def test_fake_engines_are_warned_of_before_any_number():
    """By their names, with the command that measures real ones; what is not fake is still called measured."""
    done = plan(FAKES, "--gpu", "none")
    warning = done.stdout.partition("\n\n")[0]
    assert warning.startswith("Warning: The report is of fake engines: asr (fake:fake), llm (fake:fake), tts (fake:")
    assert "`make loadtest SCENARIO=embedded`" in warning
    assert [figures_of(done, stage) for stage in ("orchestrator", "asr", "llm", "tts")] == ["measured", *["fake"] * 3]


def test_programs_are_warned_too(of_a_url: Path):
    """Each plan has its warnings; a report of real engines and known CPU has none."""
    warned = {path: json.loads(plan(path, "--gpu", "none", "--json").stdout)[0] for path in (of_a_url, FAKES, REPORT)}
    assert ["CPU" in warning for warning in warned[of_a_url]["warnings"]] == [True]
    assert ["fake engines" in warning for warning in warned[FAKES]["warnings"]] == [True]
    assert warned[REPORT]["warnings"] == []
    assert "Warning" not in plan(REPORT, "--gpu", "none").stdout


def test_what_no_kind_of_node_can_hold_is_said_once_and_then_by_kind():
    """One sentence for all of them, and a line for each that names it."""
    first, *rest = plan(REPORT, *SLOW).stderr.splitlines()
    assert "No number of replicas holds 50 ms on any of these nodes. Allow more time (--slo)." in first
    assert [line.partition(": even when nobody else asks, the p95 is ")[0] for line in rest] == [
        f"With {kind}" for kind in ("g6.2xlarge", "g5.2xlarge", "p5.4xlarge")
    ]


def test_the_limit_that_refuses_is_the_settings_own():
    """The plan says when waiting would be longer than VIVA_WAIT_TOLERANCE allows, and knows its default."""
    from viva.cli.plan import WAIT_TOLERANCE
    from viva_orchestrator.settings import Settings

    assert Settings.model_fields["wait_tolerance"].default == WAIT_TOLERANCE


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("no-such.json",), "There is no file no-such.json."),
        (("README.md",), "README.md is not a load test's report: it is not JSON."),
        ((REPORT, "--gpu", "abacus"), "There is no GPU node 'abacus'"),
        ((REPORT, "--habits", PRICES), "it knows questions, lectures, sizes"),
        ((REPORT, "--prices", ROOT / "k8s" / "eks-cost.toml"), "has no date"),
        ((REPORT, *SLOW, "--gpu", "none"), "No number of replicas holds 50 ms"),
        ((REPORT, *SLOW, "--gpu", "none", "--gpu", "abacus"), "Not with abacus: There is no GPU node 'abacus'"),
    ],
)
def test_what_cannot_be_planned_is_a_sentence(arguments, sentence: str):
    """And status 2, with nothing on stdout."""
    done = plan(*arguments)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
    assert done.stdout == ""
