"""benchmarks/plan_check.py: when it has found a fault, and what its report says of the machine."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import plan_levels
from benchmarks.machine import Machine
from benchmarks.plan_check import passed
from benchmarks.plan_levels import Alone, Asked, Level, compare, switching
from benchmarks.plan_scenarios import SCENARIOS
from viva.plan.layout import Layout, SharedCores
from viva_asr.engines import child

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


def test_the_questions_that_were_asked_are_asked_of_the_simulation(report: Path):
    """The one that takes long is not drawn in place of the one that was asked."""
    receipt = {f"{part}_ms": 1.0 for part in ("asr", "recall", "llm_first_token", "first_sentence", "tts_first_audio")}
    alone = [
        Asked(0.0, 0.0, question, took_ms, receipt | {"first_audio_ms": took_ms}, [40], 1000, "done")
        for question, took_ms in ((0, 50.0), (1, 5000.0)) * 3
    ]
    (report.parent / "turns.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in alone))
    rows = [replace(alone[0], at_s=100.0 * number) for number in range(4)]
    level = compare(report, Layout({}, machine=SharedCores(2)), alone, rows, 0.1, (0.1, 0.0))
    assert max(level.simulated) < 200.0
    assert level.drawn_anew[1] > 1000.0


def test_switching_is_what_a_question_takes_more_beside_others(monkeypatch: pytest.MonkeyPatch):
    """Of each service; one that takes nothing has none."""
    used = {"asr": 0.0, "tts": 0.0, "redis": 0.0}

    async def ask_in_turn(_url: str, _questions: list[bytes], _lecture: str, count: int, at_once: int) -> None:
        used["asr"] += count * (0.1 if at_once == 1 else 0.12)
        used["tts"] += count * 0.3

    monkeypatch.setattr(plan_levels, "ask_in_turn", ask_in_turn)
    monkeypatch.setattr(plan_levels, "cpu_s", lambda _: dict(used))
    assert switching(None, "", [b""], "lec_1", 4, at_once=6) == pytest.approx({"asr": 0.2, "tts": 0.0})  # no Redis


def test_the_ears_are_weighed_as_linux_weighs_them():
    """A process that is nicer by 3 weighs 526 to 1,024 (kernel/sched/core.c); the worker for questions is the first."""
    assert child._NICENESS == 3
    engine = child.ChildEngine(child.ChildProgram("none", "none", lambda *_: None), 2)
    nice = [0 if worker.reserved else child._NICENESS for worker in engine.workers]
    weights = SCENARIOS["embedded"].weights["asr"]
    assert [weights[0] / weight for weight in weights] == pytest.approx([1.25**n for n in nice], rel=0.01)


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
