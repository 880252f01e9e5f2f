"""benchmarks/plan_check.py: when it has found a fault, and what its report says of the machine."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import plan_levels
from benchmarks.machine import Machine
from benchmarks.plan_check import passed
from benchmarks.plan_levels import Alone, Asked, Level, Measured, Used, compare, cpu_factor
from benchmarks.plan_scenarios import SCENARIOS
from viva.plan.layout import Layout, SharedCores
from viva.plan.report import read_report
from viva.plan.simulation import Simulation
from viva_asr.engines import child

GOOD = Level(
    share=0.4,
    per_s=2.0,
    asked=80,
    failed=0,
    late_p95=1.0,
    busy=1.0,
    others=0.0,
    cpu_factor={},
    measured=(500.0, 900.0),
    simulated=(520.0, 880.0),
    with_cpu_alone=(500.0, 900.0),
    drawn_anew=(510.0, 900.0),
)


@pytest.mark.parametrize(
    ("level", "ok"),
    [
        (GOOD, True),
        (replace(GOOD, failed=1), False),
        (replace(GOOD, others=0.1), False),
        (replace(GOOD, simulated=(520.0, 1100.0)), False),
    ],
    ids=["alike", "a question failed", "something else ran", "too far off"],
)
def test_it_passes_when_all_were_answered_and_the_figures_are_alike(level: Level, ok: bool):
    """One bad level is enough."""
    assert passed([GOOD, level]) is ok


def asked_alone(report: Path, receipt: dict[str, float], took_ms: dict[int, float]) -> list[Asked]:
    """Five turns of each question, a hundred seconds apart, in the report's rows, too."""
    rows = [
        Asked(100.0 * number, 0.0, question, ms, receipt | {"first_audio_ms": ms}, [40], 1000, "done")
        for number, (question, ms) in enumerate(list(took_ms.items()) * 5)
    ]
    (report.parent / "turns.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))
    return rows


def told_cpu_s(report: Path, layout: Layout, rows: list[Asked]) -> dict[str, float]:
    """What the simulation of turns at these times takes of each service, by the report."""
    figures = read_report(report)
    turns = [figures.turns[0]] * len(rows)
    return Simulation(figures, layout).run([row.at_s for row in rows], turns=turns).cpu_s


def test_the_questions_that_were_asked_are_asked_of_the_simulation(report: Path):
    """The one that takes long is not drawn in place of the one that was asked."""
    parts = ("asr", "recall", "llm_first_token", "first_sentence", "tts_first_audio")
    alone = asked_alone(report, {f"{part}_ms": 1.0 for part in parts}, {0: 50.0, 1: 5000.0})
    rows = [replace(alone[0], at_s=100.0 * number) for number in range(4)]
    layout = Layout({}, machine=SharedCores(2))
    used = Used(told_cpu_s(report, layout, rows) | {"redis": 0.0}, 0.0, 400.0)
    level = compare(report, layout, alone, rows, 0.1, used)
    assert max(level.simulated) < 200.0
    assert level.drawn_anew[1] > 1000.0


def test_the_simulation_is_told_the_cpu_that_the_load_took(report: Path, receipt: dict[str, float]):
    """Of each service; with twice as much for hearing, the audio comes later by what hearing took in the report."""
    rows = asked_alone(report, receipt, {0: 662.0})
    layout = Layout({}, machine=SharedCores(8))
    told = told_cpu_s(report, layout, rows)
    p50 = {}
    for factor in (1.0, 2.0):
        used = told | {"asr": told["asr"] * factor, "redis": 0.0}
        level = compare(report, layout, rows, rows, 0.1, Used(used, 0.0, 600.0))
        assert level.cpu_factor == pytest.approx(
            {name: factor if name == "asr" else 1.0 for name in told if told[name]}
        )
        assert level.busy == pytest.approx(sum(used.values()) / 600.0)
        p50[factor] = level.simulated[0]
    assert p50[2.0] == pytest.approx(p50[1.0] + 50.0, abs=0.1)


def test_redis_works_for_the_orchestrator():
    """What it took is in the orchestrator's; of who takes nothing there is nothing to say."""
    by_figures = {"orchestrator": 2.0, "asr": 4.0, "callers": 0.0}
    used = {"redis": 1.0, "orchestrator": 2.0, "asr": 6.0, "callers": 0.1}
    assert cpu_factor(used, by_figures) == pytest.approx({"orchestrator": 1.5, "asr": 1.5})


def test_a_level_is_told_what_it_took_itself(report: Path, monkeypatch: pytest.MonkeyPatch):
    """CPU of each service since it began, and what is left of the machine's; single questions before and after."""
    used = {"redis": 1.0, "orchestrator": 2.0, "asr": 3.0, "llm": 4.0, "tts": 5.0, "callers": 6.0}
    machine_s, asked, compared = [100.0], [], []

    async def ask_at(_url: str, _questions: list[bytes], _lecture: str, times_s: list[float]) -> list[Asked]:
        asked.append(times_s)
        for number, name in enumerate(used):
            used[name] += number
        machine_s[0] += 0 + 1 + 2 + 3 + 4 + 5 + 7.0
        return [Asked(at_s, 0.0, 0) for at_s in times_s]

    monkeypatch.setattr(plan_levels, "ask_at", ask_at)
    monkeypatch.setattr(plan_levels, "cpu_s", lambda _: dict(used))
    monkeypatch.setattr(plan_levels, "machine_cpu_s", lambda: machine_s[0])
    monkeypatch.setattr(plan_levels.Alone, "ask", lambda *_: asked.append("alone"))
    monkeypatch.setattr(plan_levels.Alone, "report", lambda *_: report)
    monkeypatch.setattr(plan_levels, "compare", lambda *given: compared.append(given))
    (report.parent / "level-0.5").mkdir()
    system = Measured(None, "", "lec_1", [b""], SCENARIOS["few-workers"], None, SharedCores(2), report.parent)
    system.level(0.5, 400, seed=1)
    assert asked[0] == asked[2] == "alone"
    assert len(asked[1]) == pytest.approx(400, rel=0.15)
    assert len(asked[1]) / asked[1][-1] == pytest.approx(0.5 * system.capacity, rel=0.15)
    told = compared[0][-1]
    assert told.cpu_s == {"redis": 0, "orchestrator": 1, "asr": 2, "llm": 3, "tts": 4, "callers": 5}
    assert told.others_s == pytest.approx(7.0)


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
