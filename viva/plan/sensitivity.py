"""What a plan hangs on: the same, with one thing changed at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from viva.plan.nodes import Nodes
from viva.plan.plan import NO_GPU, Inputs, Plan, make_plan
from viva.plan.unusable import Unusable


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise, and the plan then; None when the objective cannot be held."""

    what: str
    plan: Plan | None


def changes(inputs: Inputs, people: float, plan: Plan) -> list[Change]:
    """The plans beside this one, on nodes of the same kind."""
    return [
        Change(what, _plan(varied, people * factor, plan.gpu)) for what, varied, factor in _varied(inputs, plan.gpu)
    ]


def _plan(inputs: Inputs, people: float, gpu: str) -> Plan | None:
    try:
        return make_plan(inputs, people, gpu)
    except Unusable:
        return None


def _varied(inputs: Inputs, gpu: str) -> Iterator[tuple[str, Inputs, float]]:
    questions, lectures = inputs.habits.questions, inputs.habits.lectures
    yield "half as many people more", inputs, 1.5
    everybody = replace(questions, spoken=1.0)
    yield "every question is spoken", _with_habits(inputs, questions=everybody), 1.0
    turns = tuple(replace(turn, clauses=turn.clauses * 2) for turn in inputs.figures.turns)
    longer = replace(inputs.figures, turns=turns, stages=inputs.figures.stages | _twice_the_voice(inputs))
    yield "answers are twice as long", replace(inputs, figures=longer), 1.0
    if gpu == NO_GPU:
        return
    cold = replace(lectures, cold_visits=min(1.0, lectures.cold_visits * 2))
    yield "twice as many lectures are in no cache", _with_habits(inputs, lectures=cold), 1.0
    slower = replace(inputs.nodes.gpus[gpu], memory_gb_per_s=inputs.nodes.gpus[gpu].memory_gb_per_s * 0.8)
    yield (
        "the GPU's memory is a fifth slower",
        replace(inputs, nodes=_with_gpu(inputs.nodes, gpu, slower)),
        1.0,
    )


def _with_habits(inputs: Inputs, **tables) -> Inputs:
    return replace(inputs, habits=replace(inputs.habits, **tables))


def _with_gpu(nodes: Nodes, kind: str, gpu) -> Nodes:
    return replace(nodes, gpus={**nodes.gpus, kind: gpu})


def _twice_the_voice(inputs: Inputs) -> dict:
    tts = inputs.figures.stages["tts"]
    return {"tts": replace(tts, cpu_ms=tts.cpu_ms * 2, held_ms=tts.held_ms and tts.held_ms * 2)}
