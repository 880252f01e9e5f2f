"""What a deployment could carry if nobody minded waiting: the bound that the simulation stays below."""

from viva.plan.figures import STAGES, Figures
from viva.plan.layout import Layout

_CHARACTERS_PER_TOKEN = 4.0


def bounds_per_s(figures: Figures, layout: Layout) -> dict[str, float]:
    """Turns a second up to which each stage's queue does not grow; of a shared machine its cores are a stage."""
    bounds: dict[str, float] = {}
    for name in STAGES:
        stage, replicas = figures.stages[name], layout.replicas.get(name, 1)
        if stage.cpu_ms and not layout.machine:
            bounds[name] = replicas * layout.cores.get(name, 1.0) * 1000 / stage.cpu_ms
        if name == "asr" and stage.places is not None and (held := stage.held_ms or figures.mean("hear")):
            share = sum(turn.spoken for turn in figures.turns) / len(figures.turns)
            bounds["asr"] = min(bounds.get("asr", float("inf")), replicas * stage.places * 1000 / held / share)
    if layout.machine:
        cpu_ms = sum(stage.cpu_ms for stage in figures.stages.values()) + figures.client_cpu_ms
        bounds["machine"] = layout.machine.count * 1000 / cpu_ms
        bounds |= {name: 1000 / ms for name, ms in _one_at_a_time(figures).items() if ms}
    if layout.model is not None:
        tokens = sum(sum(turn.clauses) for turn in figures.turns) / len(figures.turns) / _CHARACTERS_PER_TOKEN
        model = layout.model
        each_ms = model.read_ms + model.cold * model.cold_ms + tokens * model.step_ms(model.slots) / model.slots
        bounds["model"] = layout.models * 1000 / each_ms
    return bounds


def _one_at_a_time(figures: Figures) -> dict[str, float]:
    """The CPU a turn of those that do one thing at a time, however many cores there are."""
    return {"orchestrator": figures.stages["orchestrator"].cpu_ms, "callers": figures.client_cpu_ms}


def capacity_per_s(figures: Figures, layout: Layout) -> float:
    """The least of the bounds."""
    return min(bounds_per_s(figures, layout).values())
