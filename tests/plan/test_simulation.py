"""Whole turns through the stages."""

import random
from dataclasses import replace
from itertools import accumulate

import pytest

from viva.plan import simulation
from viva.plan.capacity import bounds_per_s, capacity_per_s
from viva.plan.figures import Figures, Stage
from viva.plan.layout import Layout, Model, SharedCores
from viva.plan.search import percentile
from viva.plan.simulation import Simulation
from viva_orchestrator import speaking
from viva_tts import bridge

ONE_MACHINE = Layout({}, machine=SharedCores(2))
MODEL = Model(step_ms=lambda n: 10.0 + n, read_ms=50.0, slots=4)


def arrivals(per_s: float, count: int, seed: int = 1) -> list[float]:
    """Random times at this rate."""
    draw = random.Random(seed)
    return list(accumulate(draw.expovariate(per_s) for _ in range(count)))


def test_a_turn_alone_takes_what_was_measured(figures: Figures):
    """Hearing beside recalling, then first token, first clause, its voice: nothing is counted twice or left out."""
    outcome = Simulation(figures, replace(ONE_MACHINE, machine=SharedCores(8))).run([0.0, 100.0, 200.0])
    assert outcome.first_audio_ms == pytest.approx([669.0] * 3, abs=0.01)


def test_a_typed_question_is_not_heard(figures: Figures):
    """Its turn waits for recall alone."""
    typed = replace(figures, turns=tuple(replace(turn, hear=0.0) for turn in figures.turns))
    outcome = Simulation(typed, replace(ONE_MACHINE, machine=SharedCores(8))).run([0.0])
    assert outcome.first_audio_ms == pytest.approx([669.0 - 120.0 + 4.0], abs=0.01)


def test_all_work_is_done_once(figures: Figures):
    """The CPU of a turn that the report knows is what the simulated turn uses."""
    simulation = Simulation(figures, ONE_MACHINE)
    outcome = simulation.run([10.0 * number for number in range(101)])
    each_s = outcome.busy["machine"] * 2 * 1000.0 / 101
    assert each_s == pytest.approx((20 + 90 + 8 + 150 + 5) / 1000, rel=0.01)


# Of the CPU of a turn so much lies on the way to its first audio: all of hearing; 30 of tts' 150 ms, as of all
# characters a fifth are in the first clause; what the llm stage does in 480 of 1,800 ms.
ON_THE_WAY = [("asr", 90.0), ("tts", 30.0), ("llm", 8.0 * 480 / 1800), ("orchestrator", 2.0), ("callers", 7.0)]
EMBEDDED = replace(ONE_MACHINE, made_anew=frozenset({"tts"}))
EARS = {"asr": (1.0, 0.5, 0.5)}


@pytest.mark.parametrize("weights", [{}, EARS], ids=["in the service", "processes of their own"])
@pytest.mark.parametrize(("name", "on_the_way_ms"), ON_THE_WAY)
def test_a_factor_of_two_is_all_the_cpu_once_more(
    figures: Figures, name: str, on_the_way_ms: float, weights: dict[str, tuple[float, ...]]
):
    """Whoever takes it; all that is waiting stays as it is. What is counted is what the figures say."""
    figures = replace(figures, client_cpu_ms=12.0)
    machine = SharedCores(8, cpu_factor={name: 2.0}, weights=weights)
    outcome = Simulation(figures, replace(EMBEDDED, machine=machine)).run([0.0, 100.0])
    assert outcome.first_audio_ms == pytest.approx([669.0 + on_the_way_ms] * 2, abs=0.01)
    cpu_ms = {"orchestrator": 20, "asr": 90, "llm": 8, "tts": 150, "callers": 12}
    assert outcome.cpu_s == pytest.approx({each: 2 * ms / 1000 for each, ms in cpu_ms.items()})
    assert outcome.busy["machine"] == pytest.approx((sum(cpu_ms.values()) + cpu_ms[name]) * 2 / 1000 / 100.0 / 8)


def test_what_follows_the_first_audio_does_not_hold_it_up(figures: Figures):
    """The orchestrator's work on a clause, and hearing that takes more CPU than time; a turn alone takes its time."""
    much = {"orchestrator": Stage(400.0), "asr": replace(figures.stages["asr"], cpu_ms=150.0)}
    layout = replace(EMBEDDED, machine=SharedCores(8))
    outcome = Simulation(replace(figures, stages=figures.stages | much), layout).run([0.0])
    assert outcome.first_audio_ms == pytest.approx([669.0], abs=0.01)
    assert outcome.cpu_s["orchestrator"] == pytest.approx(0.4)
    assert outcome.cpu_s["asr"] == pytest.approx(0.15)


def test_the_orchestrator_does_one_thing_at_a_time(figures: Figures):
    """Ten turns at once: however many cores there are, it carries no more than one core's work."""
    bounds = bounds_per_s(figures, replace(ONE_MACHINE, machine=SharedCores(64)))
    assert bounds["orchestrator"] == pytest.approx(1000 / 20)
    recalled = replace(figures, turns=(replace(figures.turns[0], hear=0.0, recall=20.0),))
    outcome = Simulation(recalled, replace(ONE_MACHINE, machine=SharedCores(64))).run([0.0] * 10)
    assert max(outcome.first_audio_ms) > min(outcome.first_audio_ms) + 9 * 18.0


def test_the_same_seed_gives_the_same_turns(figures: Figures):
    """To the last digit; another seed draws other turns."""
    turns = tuple(replace(figures.turns[0], hear=100.0 + number) for number in range(50))
    various = replace(figures, turns=turns)
    runs = [Simulation(various, ONE_MACHINE, seed).run(arrivals(3, 300)).first_audio_ms for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_the_turns_that_are_given_are_those_that_come(figures: Figures):
    """Each at its time, whatever else is known; so a run's own questions can be asked again."""
    slow = replace(figures.turns[0], hear=500.0)
    layout = replace(ONE_MACHINE, machine=SharedCores(8))
    outcome = Simulation(figures, layout).run([0.0, 100.0], turns=[figures.turns[0], slow])
    assert outcome.first_audio_ms == pytest.approx([669.0, 669.0 + 380.0], abs=0.01)


def test_more_questions_wait_longer(figures: Figures):
    """The tail grows with the load, and explodes beyond the bound."""
    bound = capacity_per_s(figures, ONE_MACHINE)
    p95 = [
        percentile(Simulation(figures, ONE_MACHINE).run(arrivals(share * bound, 1500)).first_audio_ms, 0.95)
        for share in (0.1, 0.5, 0.8, 1.3)
    ]
    assert p95 == sorted(p95)
    assert p95[0] < 800
    assert p95[3] > 10 * p95[0]


def test_few_workers_are_a_bound_of_their_own(figures: Figures):
    """With cores to spare, questions wait for a worker of asr, and it is that stage that tells so."""
    slow = figures.stages | {"asr": Stage(10.0, places=1, held_ms=110.0)}
    queued, layout = replace(figures, stages=slow), Layout({}, cores=dict.fromkeys(figures.stages, 8.0))
    outcome = Simulation(queued, layout).run(arrivals(8.0, 1500))
    waits = {name: percentile(values, 0.95) for name, values in outcome.stage_ms.items() if values}
    assert bounds_per_s(queued, layout)["asr"] == pytest.approx(1000 / 110)
    assert max(waits, key=waits.get) == "asr"
    assert waits["asr"] > 100


def test_a_second_replica_halves_the_load(figures: Figures):
    """The bound doubles, and waits shrink."""
    one, two = (Layout({"tts": count}, cores=dict.fromkeys(figures.stages, 2.0)) for count in (1, 2))
    assert bounds_per_s(figures, two)["tts"] == 2 * bounds_per_s(figures, one)["tts"]
    tails = [
        percentile(Simulation(figures, layout).run(arrivals(10, 1500)).stage_ms["tts"], 0.95) for layout in (one, two)
    ]
    # Not by half: the clauses of one turn still wait for each other.
    assert tails[1] < tails[0] * 0.6


def test_first_clauses_do_not_wait_behind_the_rest_of_answers(figures: Figures):
    """Four long answers are being spoken by one worker: who asks then waits for a clause, not for eight."""
    turn = replace(figures.turns[0], clause=5.0, clauses=(40, *[80] * 20))
    one_worker = figures.stages | {"tts": Stage(3000.0, places=1, held_ms=3000.0)}
    busy = replace(figures, turns=(turn,), stages=one_worker)
    layout = Layout({}, cores=dict.fromkeys(figures.stages, 8.0))
    outcome = Simulation(busy, layout).run([0.0, 0.0, 0.0, 0.0, 1.5])
    alone_ms, clause_ms = turn.first_audio, 3000.0 / 21
    assert outcome.first_audio_ms[-1] < alone_ms + 2 * clause_ms


def test_it_does_as_the_services_do():
    """What the simulation copies of them."""
    assert simulation.CLAUSES_AT_ONCE == speaking.CLAUSES_AT_ONCE
    assert simulation.CHARACTERS_PER_S == speaking.CHARACTERS_PER_S
    assert simulation.MOST_AHEAD_S == bridge.MOST_AHEAD_S


def test_a_full_orchestrator_refuses(figures: Figures):
    """What exceeds its turns at once is shed at once, and the others are answered."""
    outcome = Simulation(figures, replace(ONE_MACHINE, max_active_turns=2)).run([0.0, 0.001, 0.002, 50.0])
    assert outcome.asked == 4
    assert outcome.shed_by == {"orchestrator": 1}
    assert outcome.shed_share == 0.25
    assert len(outcome.first_audio_ms) == 3


def test_a_full_stage_refuses(figures: Figures):
    """A limit of requests under way at the tts stage fails the turn that exceeds it."""
    stages = figures.stages | {"tts": replace(figures.stages["tts"], limit=2)}
    machine = SharedCores(8, weights={"asr": (1.0, 1.0, 1.0)})  # all are heard at the same time
    outcome = Simulation(replace(figures, stages=stages), replace(ONE_MACHINE, machine=machine)).run([0.0] * 3)
    assert outcome.shed_by["tts"] > 0


def test_answers_together_are_slower(figures: Figures):
    """A model server's token takes longer the more answers it writes, and prompts are read one by one."""
    layout = Layout({}, cores=dict.fromkeys(figures.stages, 8.0), model=MODEL, models=1)
    alone = Simulation(figures, layout).run([0.0]).first_audio_ms[0]
    # read 50 ms, then a clause of 40 characters, 10 tokens of 11 ms; the router works for 8 ms in all the 1.8 s in
    # which the answer was written that was measured, of which 150 ms are before the first token
    assert alone == pytest.approx(669.0 - 150 - 330 + 50 + 110 + 8 * 150 / 1800, abs=0.1)
    together = Simulation(figures, layout).run([0.0] * 4).first_audio_ms
    assert max(together) > alone + 3 * 50


def test_answers_beyond_the_slots_wait(figures: Figures):
    """With four slots the fifth begins when one of them has ended."""
    layout = Layout({}, cores=dict.fromkeys(figures.stages, 8.0), model=MODEL, models=1)
    four, five = (max(Simulation(figures, layout).run([0.0] * count).stage_ms["model"]) for count in (4, 5))
    assert five > four + 300  # the rest of an answer: 40 tokens of at least 11 ms


def test_a_lecture_that_is_in_no_cache_holds_the_others_up(figures: Figures):
    """Reading it stops what is being written."""
    cold = replace(MODEL, cold=1.0, cold_ms=1000.0)
    layout = Layout({}, cores=dict.fromkeys(figures.stages, 8.0), model=cold, models=1)
    warm = replace(layout, model=MODEL)
    waited, not_waited = (Simulation(figures, each).run([0.0]).first_audio_ms[0] for each in (layout, warm))
    assert waited == pytest.approx(not_waited + 1000.0, abs=1.0)
