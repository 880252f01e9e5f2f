"""The plan itself: so many people, and what they need."""

import math
from dataclasses import dataclass, replace

from viva.plan.figures import STAGES, Figures
from viva.plan.habits import Habits
from viva.plan.layout import Layout
from viva.plan.nodes import Nodes
from viva.plan.prices import Prices
from viva.plan.search import Found, Objective, Search, one_more

NO_GPU = "none"
_DISK_GB, _GPU_DISK_GB = 100, 200  # of a node, as in k8s/eks-cluster.yaml
_NAT_GB = 100.0
_WRITES_PER_QUESTION = 0.4  # each conversation is archived in one write, and each upload takes a few
_ZONES = 3
_MOST_BUSY_TRANSCRIBING = 0.8


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a plan is made of."""

    figures: Figures
    habits: Habits
    nodes: Nodes
    objective: Objective
    prices: Prices | None = None
    seed: int = 1
    turns: int = 1000  # that each simulation counts


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the bill; `month` None: it has no price."""

    item: str
    amount: float
    month: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What so many people need. `lost` is the same deployment without one node of each kind."""

    people: float
    gpu: str
    per_s: float
    at_once: float
    per_month: float
    full: Found
    lost: Found
    breaks: Found
    breaks_first: str
    cpu_nodes: int
    gpu_nodes: int
    redis_nodes: int
    redis_gb: float
    stored_gb: float
    egress_gb: float
    transcribers: int
    costs: tuple[Cost, ...] = ()

    @property
    def month(self) -> float | None:
        """The bill of a month, as far as there are prices; None where there is none at all."""
        known = [cost.month for cost in self.costs if cost.month is not None]
        return sum(known) if known else None

    @property
    def per_thousand(self) -> float | None:
        """The bill for a thousand questions."""
        return self.month / self.per_month * 1000 if self.month is not None else None

    @property
    def unpriced(self) -> list[str]:
        """What has no price."""
        return [cost.item for cost in self.costs if cost.month is None]

    @property
    def breaks_at_people(self) -> float:
        """How many people a day the objective is missed with."""
        return self.people * self.breaks.per_s / self.per_s


def make_plan(inputs: Inputs, people: float, gpu: str) -> Plan:
    """The plan with GPU nodes of this kind, or `none`. Raises Unusable when the objective cannot be held."""
    nodes, habits = inputs.nodes, inputs.habits
    per_s = habits.peak_per_s(people)
    figures = inputs.figures.with_workers(nodes.cpu.replica).with_spoken(habits.questions.spoken)
    search = Search(figures, inputs.objective, inputs.seed, inputs.turns)
    model = None if gpu == NO_GPU else nodes.server(gpu, habits)
    start = Layout(
        dict.fromkeys(STAGES, 1),
        cores=nodes.cpu.replica,
        model=model,
        models=1 if model else 0,
        hops_ms=nodes.network.hops_ms,
    )
    transcribers = math.ceil(habits.transcription_cores(people) / _MOST_BUSY_TRANSCRIBING / nodes.cpu.replica["asr"])
    lost = search.least(start, per_s)
    while True:
        layout, cpu_nodes = with_a_node_more(lost.layout, nodes, transcribers)
        full = search.simulate(layout, per_s)
        # Close to the edge one replica more can be one of bad luck: both have to hold.
        missed = next((found for found in (full, lost) if not inputs.objective.held_by(found)), None)
        if missed is None:
            break
        lost = search.simulate(one_more(lost.layout, missed.weakest(inputs.objective)), per_s)
    breaks = search.breaking_point(layout, per_s)
    plan = Plan(
        people=people,
        gpu=gpu,
        per_s=per_s,
        at_once=habits.conversations_at_once(people),
        per_month=habits.per_month(people),
        full=full,
        lost=lost,
        breaks=breaks,
        breaks_first=breaks.weakest(inputs.objective),
        cpu_nodes=cpu_nodes,
        gpu_nodes=layout.models,
        redis_nodes=nodes.redis.count(habits.redis_gb(people)),
        redis_gb=habits.redis_gb(people),
        stored_gb=habits.stored_gb(people),
        egress_gb=habits.egress_gb(people, figures.audio_bytes),
        transcribers=transcribers,
    )
    return replace(plan, costs=costs(plan, habits, inputs.prices)) if inputs.prices else plan


def with_a_node_more(layout: Layout, nodes: Nodes, transcribers: int) -> tuple[Layout, int]:
    """What is still there after any one node is lost is `layout` at least; and the number of CPU nodes."""
    count = 2
    while True:
        replicas = {name: _spread(needed, count) for name, needed in layout.replicas.items()}
        cores = sum(number * nodes.cpu.replica[name] for name, number in replicas.items())
        needs = nodes.cpu.count(cores + transcribers * nodes.cpu.replica["asr"])
        if needs <= count:
            more = replace(layout, replicas=replicas, models=layout.models + (1 if layout.model else 0))
            return more, count
        count = needs


def _spread(needed: int, nodes: int) -> int:
    """Replicas of which `needed` are left when one of so many nodes takes its share with it."""
    have = needed + 1
    while have - math.ceil(have / nodes) < needed:
        have += 1
    return have


def costs(plan: Plan, habits: Habits, prices: Prices) -> tuple[Cost, ...]:
    """The bill of a month: every node runs all of it, as many as the busiest minutes need."""
    zones = _ZONES if plan.cpu_nodes >= _ZONES else 1
    amounts = {
        "control_plane": 1.0,
        "cpu_node": float(plan.cpu_nodes),
        f"gpu_node:{plan.gpu}": float(plan.gpu_nodes),
        "disk_gb": float(plan.cpu_nodes * _DISK_GB + plan.gpu_nodes * _GPU_DISK_GB),
        "nat": float(zones),
        "nat_gb": _NAT_GB,
        "load_balancer": 1.0,
        "redis_node": float(plan.redis_nodes),
        "s3_gb": plan.stored_gb,
        "s3_writes": plan.per_month * _WRITES_PER_QUESTION / 1e6,
        "egress_gb": plan.egress_gb,
    }
    return tuple(Cost(item, amount, prices.month(item, amount)) for item, amount in amounts.items() if amount > 0)
