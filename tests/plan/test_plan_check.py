"""benchmarks/plan_check.py: when it has found a fault, and what its report says of the machine."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import plan_levels
from benchmarks.machine import Machine
from benchmarks.plan_check import passed
from benchmarks.plan_levels import Asked, Level, measured_alone
from benchmarks.plan_scenarios import SCENARIOS

GOOD = Level(
    share=0.4,
    per_s=2.0,
    asked=80,
    failed=0,
    late_p95=1.0,
    busy=1.0,
    others=0.0,
    measured=(500.0, 900.0),
    simulated=(520.0, 880.0),
    drawn_anew=(510.0, 900.0),
)


@pytest.mark.parametrize(
    ("level", "ok"),
    [(GOOD, True), (replace(GOOD, failed=1), False), (replace(GOOD, simulated=(520.0, 1100.0)), False)],
    ids=["alike", "a question failed", "too far off"],
)
def test_it_passes_when_all_were_answered_and_the_figures_are_alike(level: Level, ok: bool):
    """One bad level is enough."""
    assert passed([GOOD, level]) is ok


def test_the_report_has_the_machine_as_it_was_and_how_turns_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its load is from before the stack was started, whose own start would else look like other work."""
    rows = [Asked(0.0, 0.0, outcome="done")] * 3 + [Asked(0.0, 0.0)]

    async def ask_alone(*_: object) -> list[Asked]:
        return rows

    used = dict.fromkeys(("redis", "orchestrator", "asr", "llm", "tts", "callers"), 1.0)
    monkeypatch.setattr(plan_levels, "ask_alone", ask_alone)
    monkeypatch.setattr(plan_levels, "cpu_s", lambda _: dict(used))
    monkeypatch.setattr(plan_levels, "held", lambda _: {"asr": 0.0, "tts": 0.0})
    quiet = Machine("a processor", 2, 8.0, "Linux", "3.13", load=0.01)
    path = measured_alone(None, "", [b""], "lec_1", SCENARIOS["few-workers"], tmp_path, quiet)
    report = json.loads(path.read_text())
    assert report["machine"]["load"] == 0.01
    assert report["turns"] == {"asked": 4, "done": 3, "shed": 0, "failed": {"failed": 1}}
