"""The least that holds the objective, a node more, and what it costs."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from viva.plan.figures import STAGES, Figures
from viva.plan.habits import Habits
from viva.plan.layout import Layout
from viva.plan.nodes import Nodes
from viva.plan.plan import NO_GPU, Inputs, make_plan, with_a_node_more
from viva.plan.prices import Price, Prices
from viva.plan.search import Objective, Search
from viva.plan.sensitivity import changes
from viva.plan.unusable import OutOfReach

PRICES = Prices({"cpu_node": Price("A node", "hour", 0.2), "s3_gb": Price("S3", "month", 0.02)}, "2026", "USD", 730)


@pytest.fixture
def inputs(figures: Figures, habits: Habits, nodes: Nodes) -> Inputs:
    return Inputs(figures, habits, nodes, Objective(1500.0), PRICES, turns=300)


def cores(figures: Figures) -> Layout:
    """One replica of each stage, of two cores."""
    return Layout(dict.fromkeys(STAGES, 1), cores=dict.fromkeys(STAGES, 2.0))


def test_the_least_holds_and_less_does_not(figures: Figures):
    """Each replica that is there is needed: without it the objective is missed, or the stage is too busy."""
    objective = Objective(900.0)
    search = Search(figures, objective, turns=300)
    found = search.least(cores(figures), 30.0)
    assert objective.held_by(found)
    assert found.layout.replicas["tts"] > 1
    fewer = replace(found.layout, replicas=found.layout.replicas | {"tts": found.layout.replicas["tts"] - 1})
    less = search.simulate(fewer, 30.0)
    assert less.busy["tts"] > 0.9 or not objective.held_by(less)


def test_more_people_never_need_less(inputs: Inputs):
    """Neither replicas of a stage, nor nodes, from a hundred people on."""
    plans = [make_plan(inputs, people, "p5.4xlarge") for people in (100, 20_000, 40_000, 60_000)]
    for less, more in itertools.pairwise(plans):
        assert all(more.full.layout.replicas[name] >= less.full.layout.replicas[name] for name in STAGES)
        assert more.gpu_nodes >= less.gpu_nodes
        assert more.cpu_nodes >= less.cpu_nodes
        assert more.month > less.month
    assert plans[-1].gpu_nodes > plans[0].gpu_nodes


def test_the_same_inputs_give_the_same_plan(inputs: Inputs):
    """Chance has a seed."""
    first, second = (make_plan(inputs, 5_000, NO_GPU) for _ in range(2))
    assert first == second


def test_a_lost_node_leaves_enough(nodes: Nodes):
    """Whatever one node has of a stage may go: what was needed is still there."""
    needed = Layout({"orchestrator": 1, "asr": 3, "llm": 1, "tts": 20}, cores=nodes.cpu.replica)
    more, count = with_a_node_more(needed, nodes, transcribers=1)
    for name, replicas in needed.replicas.items():
        share = -(-more.replicas[name] // count)
        assert more.replicas[name] - share >= replicas
    held = sum(more.replicas[name] * nodes.cpu.replica[name] for name in STAGES) + nodes.cpu.replica["asr"]
    assert held <= count * (nodes.cpu.vcpus - nodes.cpu.kept_vcpus)


def test_what_cannot_be_held_is_told(inputs: Inputs):
    """A time to first audio below that of an empty system helps no number of replicas."""
    impossible = replace(inputs, objective=Objective(300.0))
    with pytest.raises(OutOfReach, match=r"No number of replicas holds 300 ms: even when nobody else asks.*--slo"):
        make_plan(impossible, 1000, NO_GPU)


def test_it_breaks_above_the_load_that_it_is_for(inputs: Inputs):
    """The plan says which stage goes first, and at how many people; a little below the objective still holds."""
    plan = make_plan(inputs, 5_000, NO_GPU)
    assert plan.breaks_at_people > 5_000
    assert plan.breaks_first in STAGES
    assert not inputs.objective.held_by(plan.breaks)
    search = Search(inputs.figures.with_spoken(0.7), inputs.objective)
    assert inputs.objective.held_by(search.simulate(plan.full.layout, plan.breaks.per_s * 0.8))


def test_the_bill_adds_up(inputs: Inputs):
    """Nodes by the hour, storage by the month; what has no price is named and not counted."""
    plan = make_plan(inputs, 1_000, NO_GPU)
    assert plan.month == pytest.approx(plan.cpu_nodes * 0.2 * 730 + plan.stored_gb * 0.02)
    assert plan.per_thousand == pytest.approx(plan.month / (1_000 * 5 * 30.4) * 1000)
    assert {"control_plane", "egress_gb"} <= set(plan.unpriced)
    assert make_plan(replace(inputs, prices=None), 1_000, NO_GPU).month is None


def test_one_thing_changed_at_a_time(inputs: Inputs):
    """Longer answers and slower GPUs never need less than the plan itself."""
    plan = make_plan(inputs, 20_000, "p5.4xlarge")
    found = {change.what: change.plan for change in changes(inputs, 20_000, plan)}
    assert len(found) == 5
    for varied in found.values():
        assert varied.gpu_nodes >= plan.gpu_nodes
        assert varied.cpu_nodes >= plan.cpu_nodes
    assert found["answers are twice as long"].cpu_nodes > plan.cpu_nodes


def test_spoken_questions_by_their_share(figures: Figures):
    """Some of what was spoken is typed in the plan, as the habits say."""
    turns = figures.with_spoken(0.7).turns
    assert sum(turn.spoken for turn in turns) / len(turns) == pytest.approx(0.7)
    assert all(turn.spoken for turn in figures.with_spoken(1.0).turns)


def test_workers_that_the_report_does_not_know(figures: Figures):
    """A replica of two cores has three workers that hear, one of them kept for questions, and two that speak."""
    unknown = {name: replace(stage, places=None) for name, stage in figures.stages.items()}
    known = replace(figures, stages=unknown).with_workers({"asr": 2, "tts": 2})
    assert {name: stage.places for name, stage in known.stages.items()} == {
        "orchestrator": None,
        "asr": 3,
        "llm": None,
        "tts": 2,
    }
    assert figures.with_workers({"asr": 8, "tts": 8}).stages == figures.stages


def test_the_files_come_with_the_package():
    """Habits and nodes are read from beside the code, which a wheel has too."""
    folder = Path(__file__).parents[2] / "viva" / "plan"
    assert {path.name for path in folder.glob("*.toml")} == {"habits.toml", "nodes.toml"}
