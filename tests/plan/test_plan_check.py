"""benchmarks/plan_check.py: when it has found a fault, and what its report says of the machine."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import plan_levels
from benchmarks.machine import Machine
from benchmarks.plan_check import passed
from benchmarks.plan_levels import Alone, Asked, Level
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


def test_the_report_adds_up_single_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Asked twice, as before and after a level: CPU and workers are those of a turn; the machine is as it was found."""
    used = {"cpu": 1.0, "held": 2.0}

    async def ask_in_turn(_url: str, _questions: list[bytes], _lecture: str, count: int) -> list[Asked]:
        used["cpu"] += 0.1 * count
        used["held"] += 0.05 * count
        return [Asked(0.0, 0.0, 0, outcome="done") for _ in range(count - 1)] + [Asked(0.0, 0.0, 0)]

    parts = ("redis", "orchestrator", "asr", "llm", "tts", "callers")
    monkeypatch.setattr(plan_levels, "ask_in_turn", ask_in_turn)
    monkeypatch.setattr(plan_levels, "cpu_s", lambda _: dict.fromkeys(parts, used["cpu"]))
    monkeypatch.setattr(plan_levels, "held", lambda _: {"asr": used["held"], "tts": used["held"]})
    alone = Alone()
    for _ in range(2):
        alone.ask(None, "", [b""], "lec_1", 4)
    quiet = Machine("a processor", 2, 8.0, "Linux", "3.13", load=0.01)
    report = json.loads(alone.report(SCENARIOS["few-workers"], tmp_path / "level", quiet).read_text())
    assert report["machine"]["load"] == 0.01
    assert report["turns"] == {"asked": 8, "done": 6, "shed": 0, "failed": {"failed": 2}}
    assert report["resources"]["tts"]["cpu_s_per_turn"] == pytest.approx(0.1)
    assert report["resources"]["orchestrator"]["cpu_s_per_turn"] == pytest.approx(0.2)  # Redis with it
    assert report["places"]["asr"]["held_ms"] == pytest.approx(50.0)
