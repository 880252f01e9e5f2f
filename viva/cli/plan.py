"""`viva plan`: what so many people need, from what a load test measured."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from viva.cli.console import err, out
from viva.plan.doubt import doubts, word
from viva.plan.figures import STAGES
from viva.plan.habits import OURS as OUR_HABITS
from viva.plan.habits import read_habits
from viva.plan.nodes import OURS as OUR_NODES
from viva.plan.nodes import read_nodes
from viva.plan.plan import NO_GPU, Inputs, Plan, make_plan
from viva.plan.prices import read_prices
from viva.plan.report import read_report
from viva.plan.search import Objective
from viva.plan.sensitivity import Change, changes
from viva.plan.unusable import OutOfReach, Unusable

# The default of VIVA_WAIT_TOLERANCE; a test holds the two together.
WAIT_TOLERANCE = 1.4
_STAGE_NAMES = {"model": "vLLM"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    report: Path
    people: list[float]
    gpus: list[str]
    objective: Objective
    habits: Path | None
    nodes: Path | None
    prices: Path | None
    sensitivity: bool
    as_json: bool


def plan_capacity(wanted: Wanted) -> None:
    """Prints a plan for each number of people. Raises Unusable with a sentence."""
    inputs = Inputs(
        figures=read_report(wanted.report),
        habits=read_habits(wanted.habits or OUR_HABITS),
        nodes=read_nodes(wanted.nodes or OUR_NODES),
        objective=wanted.objective,
        prices=read_prices(wanted.prices) if wanted.prices else None,
    )
    kinds = wanted.gpus or [*inputs.nodes.gpus]
    found = []
    for people in wanted.people:
        with err().status(f"Simulating {people:,.0f} people a day …"):
            plans, why_not = _plans(inputs, people, kinds)
            best = min(plans, key=_dearness)
            varied = changes(inputs, people, best) if wanted.sensitivity else []
        found.append((best, plans, why_not, varied))
    if wanted.as_json:
        sys.stdout.write(json.dumps([as_json(best, inputs) for best, *_ in found], indent=1) + "\n")
        return
    _show_doubts(inputs)
    for best, plans, why_not, varied in found:
        _show(best, plans, why_not, varied, inputs)
    _show_assumptions(inputs, kinds, wanted)


def _plans(inputs: Inputs, people: float, kinds: list[str]) -> tuple[list[Plan], dict[str, str]]:
    plans, why_not = [], {}
    for kind in kinds:
        try:
            plans.append(make_plan(inputs, people, kind))
        except Unusable as error:
            why_not[kind] = error
    if not plans:
        raise _none_of(why_not)
    return plans, {kind: error.message for kind, error in why_not.items()}


def _none_of(why_not: dict[str, Unusable]) -> Unusable:
    """One error for all kinds of nodes: what holds for each once, and then each kind by its name."""
    errors = [*why_not.values()]
    if len(errors) == 1:
        return errors[0]
    if not all(isinstance(error, OutOfReach) for error in errors):
        return Unusable("\n".join(f"Not with {kind}: {error.message}" for kind, error in why_not.items()))
    reached = "".join(f"\nWith {kind}: {error.reached}." for kind, error in why_not.items())
    return Unusable(
        f"No number of replicas holds {errors[0].wanted} on any of these nodes. Allow more time (--slo).{reached}"
    )


def _dearness(plan: Plan) -> tuple[float, int]:
    return (plan.month if plan.month is not None else float("inf"), plan.gpu_nodes)


def as_json(plan: Plan, inputs: Inputs) -> dict[str, Any]:
    """The plan as it is written for programs; times in ms, sizes in GB, money as in the prices."""
    return {
        "people": plan.people,
        "questions_per_s": round(plan.per_s, 3),
        "questions_per_month": round(plan.per_month),
        "conversations_at_once": round(plan.at_once),
        "gpu": plan.gpu,
        "replicas": dict(plan.full.layout.replicas),
        "transcribers": plan.transcribers,
        "gpu_nodes": plan.gpu_nodes,
        "cpu_nodes": plan.cpu_nodes,
        "redis_nodes": plan.redis_nodes,
        "first_audio_p50_ms": round(plan.full.p50_ms),
        "first_audio_p95_ms": round(plan.full.p95_ms),
        "first_audio_p95_ms_a_node_lost": round(plan.lost.p95_ms),
        "slowness_a_node_lost": round(plan.lost.slowness, 2),
        "shed_share": plan.full.shed_share,
        "busy": {name: round(share, 3) for name, share in plan.full.busy.items()},
        "breaks_first": plan.breaks_first,
        "breaks_at_people": round(plan.breaks_at_people),
        "redis_gb": round(plan.redis_gb, 3),
        "stored_gb": round(plan.stored_gb, 1),
        "egress_gb_per_month": round(plan.egress_gb, 1),
        "cost_per_month": None if plan.month is None else round(plan.month),
        "cost_per_thousand": None if plan.per_thousand is None else round(plan.per_thousand, 2),
        "unpriced": plan.unpriced,
        "prices_of": inputs.prices.date if inputs.prices else None,
        "warnings": doubts(inputs.figures),
    }


# -- for people -------------------------------------------------------------------------------------------------------


def _show_doubts(inputs: Inputs) -> None:
    """Before any number, so that nobody reads one without them."""
    for doubt in doubts(inputs.figures):
        out().print(f"Warning: {doubt}\n", style="yellow")


def _show(plan: Plan, plans: list[Plan], why_not: dict[str, str], varied: list[Change], inputs: Inputs) -> None:
    print_line = out().print
    limit_ms = inputs.objective.first_audio_p95_ms
    print_line(
        f"{plan.people:,.0f} people a day: {plan.per_s:.2f} questions a second in the busiest minutes, "
        f"{plan.at_once:,.0f} conversations at once, {plan.per_month:,.0f} questions a month.",
        style="bold",
    )
    print_line(
        f"First audio after {plan.full.p50_ms:.0f} ms (p50), {plan.full.p95_ms:.0f} ms (p95); with one node of each "
        f"kind lost {plan.lost.p95_ms:.0f} ms (p95). Wanted: {limit_ms:.0f} ms."
    )
    if plan.lost.slowness > WAIT_TOLERANCE:
        print_line(
            f"Then the first words take {plan.lost.slowness:.2f} times as long as when nobody else asks: with "
            f"VIVA_WAIT_TOLERANCE at {WAIT_TOLERANCE:g} questions are refused sooner than this plan needs: raise it."
        )
    _show_stages(plan, inputs)
    _show_costs(plan, inputs)
    going_by = "" if inputs.figures.knows_all_cpu else ", going by times alone"
    print_line(
        f"Breaks first{going_by}: {_stage(plan.breaks_first)}, at {plan.breaks_at_people:,.0f} people a day "
        f"({plan.breaks.per_s / plan.per_s:.2f} times this load)."
    )
    for other in plans:
        if other is not plan:
            cost = "" if other.month is None else f", {_money(other.month, inputs)} a month"
            print_line(f"Instead with {other.gpu}: {other.gpu_nodes} of them{cost}.")
    for kind, why in why_not.items():
        print_line(f"Not with {kind}: {why}")
    if varied:
        _show_changes(varied, inputs)
    print_line()


def _show_stages(plan: Plan, inputs: Inputs) -> None:
    table = _table("Stage", "Replicas", "Cores each", "Busy at the peak", "Figures")
    for name in STAGES:
        table.add_row(
            name + (f" (and {plan.transcribers} for lectures)" if name == "asr" and plan.transcribers else ""),
            str(plan.full.layout.replicas[name]),
            f"{inputs.nodes.cpu.replica[name]:g}",
            f"{plan.full.busy[name]:.0%}" if inputs.figures.knows_cpu(name) else "?",
            word(inputs.figures, name),
        )
    if plan.gpu != NO_GPU:
        gpu = inputs.nodes.gpu(plan.gpu)
        name = f"vLLM, {inputs.nodes.model.name}"
        table.add_row(name, str(plan.gpu_nodes), f"1 {gpu.gpu}", f"{plan.full.busy['model']:.0%}", "assumed")
    out().print(table)
    nodes = f"{plan.cpu_nodes} {inputs.nodes.cpu.kind}" + (f", {plan.gpu_nodes} {plan.gpu}" if plan.gpu_nodes else "")
    out().print(
        f"Nodes: {nodes}. Redis: {plan.redis_gb:,.2f} GB on {plan.redis_nodes} {inputs.nodes.redis.kind}. "
        f"Object store: {plan.stored_gb:,.0f} GB. To callers: {plan.egress_gb:,.0f} GB a month."
    )


def _show_costs(plan: Plan, inputs: Inputs) -> None:
    if inputs.prices is None:
        out().print(
            "No prices were given, so there is no bill, and a kind of GPU was preferred of which fewer are needed, not "
            "the cheapest: fill in a copy of k8s/eks-cost.toml and give it by --prices (docs/scale/prices.toml is an "
            "example)."
        )
        return
    table = _table("A month", "Amount", "Cost")
    for cost in plan.costs:
        price = inputs.prices.by_item.get(cost.item)
        money = "no price" if cost.month is None else _money(cost.month, inputs)
        table.add_row(price.name if price else cost.item, f"{cost.amount:,.4g}", money)
    out().print(table)
    if plan.month is not None:
        lacking = f", without {', '.join(plan.unpriced)}" if plan.unpriced else ""
        out().print(
            f"{_money(plan.month, inputs)} a month{lacking}, {_money(plan.per_thousand, inputs, 2)} for a thousand "
            f"questions. Prices of {inputs.prices.date}; every node runs all month."
        )


def _show_changes(varied: list[Change], inputs: Inputs) -> None:
    table = _table("If instead", "CPU nodes", "GPU nodes", "A month", "p95")
    for change in varied:
        plan = change.plan
        if plan is None:
            table.add_row(change.what, "-", "-", "-", "cannot be held")
            continue
        money = "" if plan.month is None else _money(plan.month, inputs)
        table.add_row(change.what, str(plan.cpu_nodes), str(plan.gpu_nodes), money, f"{plan.full.p95_ms:.0f} ms")
    out().print(table)


def _show_assumptions(inputs: Inputs, kinds: list[str], wanted: Wanted) -> None:
    print_line = out().print
    print_line("What this rests on", style="bold")
    for line in _assumptions(inputs, kinds, wanted):
        print_line(f"- {line}")


def _assumptions(inputs: Inputs, kinds: list[str], wanted: Wanted) -> Iterator[str]:
    figures = inputs.figures
    # A run against a URL knows the machine of its callers, and no other.
    on = "on" if figures.knows_all_cpu else "with callers on"
    machine = f" {on} {figures.measured_on}" if figures.measured_on else ""
    yield f"measured: {len(figures.turns)} turns at low load{machine} ({wanted.report})"
    for name, source in figures.sources.items():
        yield f"  {name}: {source}"
    if kinds != [NO_GPU]:
        yield f"GPU nodes: {inputs.nodes.model.source}"
    yield f"CPU nodes: {inputs.nodes.cpu.source}"
    yield f"network: {inputs.nodes.network.hops_ms:g} ms a turn, {inputs.nodes.network.source}"
    yield f"habits: assumed, {wanted.habits or 'those that come with Viva (viva/plan/habits.toml)'}"
    if inputs.prices:
        yield f"prices: {wanted.prices}, of {inputs.prices.date}"
    refused = f"at most {inputs.objective.shed_share:.1%} refused"
    yield f"objective: p95 of the time to first audio, from the start of the upload; {refused}"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(
            name, justify="left" if number in (0, len(columns) - 1 if len(columns) == 5 else 0) else "right"
        )
    return table


def _stage(name: str) -> str:
    return _STAGE_NAMES.get(name, name)


def _money(amount: float, inputs: Inputs, digits: int = 0) -> str:
    currency = inputs.prices.currency if inputs.prices else ""
    return f"{amount:,.{digits}f} {currency}".strip()
