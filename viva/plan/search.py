"""The least that holds the objective, found by simulating one deployment after another."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from viva.plan.capacity import bounds_per_s
from viva.plan.figures import STAGES, Figures
from viva.plan.layout import Layout
from viva.plan.simulation import MODEL, Outcome, Simulation
from viva.plan.unusable import OutOfReach

_WARM_S = 6.0
_MOST_BUSY = 0.9  # above it a queue is a matter of luck; nothing is planned there
_MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class Objective:
    """What has to hold: p95 of the time to first audio in ms, and the share of questions that may be refused."""

    first_audio_p95_ms: float = 1500.0
    shed_share: float = 0.001

    def held_by(self, found: "Found") -> bool:
        """Whether it holds."""
        return found.p95_ms <= self.first_audio_p95_ms and found.shed_share <= self.shed_share


@dataclass(frozen=True, slots=True)
class Found:
    """One deployment under one load.

    `slowness` is the mean time to first audio over that of the same turns alone; `waits_ms` is the p95 of what each
    stage adds to what it takes alone.
    """

    layout: Layout
    per_s: float
    p50_ms: float
    p95_ms: float
    shed_share: float
    slowness: float
    busy: Mapping[str, float]
    waits_ms: Mapping[str, float]
    shed_by: Mapping[str, int]

    def weakest(self, objective: "Objective") -> str:
        """The stage that refuses most where too much is refused, else the one that adds most time."""
        counts = self.shed_by if self.shed_share > objective.shed_share else self.waits_ms
        return max(counts, key=lambda name: counts[name])


class Search:
    """Deployments for one set of figures. Each simulation asks the same turns: two loads differ by the load alone."""

    def __init__(self, figures: Figures, objective: Objective, seed: int = 1, turns: int = 1000) -> None:
        self._figures = figures
        self._objective = objective
        self._seed = seed
        self._turns = turns

    def simulate(self, layout: Layout, per_s: float) -> Found:
        """What this deployment does under this load."""
        draw = random.Random(self._seed)
        count = self._turns + math.ceil(per_s * _WARM_S)
        arrivals = list(accumulate(draw.expovariate(1.0) / per_s for _ in range(count)))
        outcome = Simulation(self._figures, layout, self._seed).run(arrivals, warm_s=arrivals[count - self._turns])
        return self._found(layout, per_s, outcome)

    def _found(self, layout: Layout, per_s: float, outcome: Outcome) -> Found:
        alone_ms = sum(outcome.alone_ms) or 1.0
        return Found(
            layout=layout,
            per_s=per_s,
            p50_ms=percentile(outcome.first_audio_ms, 0.5),
            p95_ms=percentile(outcome.first_audio_ms, 0.95),
            shed_share=outcome.shed_share,
            slowness=sum(outcome.first_audio_ms) / alone_ms,
            busy=dict(outcome.busy),
            shed_by=dict(outcome.shed_by),
            waits_ms={name: percentile(values, 0.95) for name, values in outcome.stage_ms.items() if values},
        )

    def least(self, layout: Layout, per_s: float) -> Found:
        """The smallest deployment like `layout` that holds the objective, its replicas being the least there may be.

        Raises OutOfReach when no number of replicas holds it.
        """
        alone = self.simulate(layout, 0.01)
        if not self._objective.held_by(alone):
            raise self._out_of_reach(alone, "even when nobody else asks,")
        layout = self._enough_by_reckoning(layout, per_s)
        found = self.simulate(layout, per_s)
        for _ in range(_MOST_STEPS):
            if self._objective.held_by(found):
                return self._without_spare(found)
            weakest = found.weakest(self._objective)
            more = _with(found.layout, weakest, max(1, count_of(found.layout, weakest) // 8))
            found = self.simulate(more, per_s)
        have = f"{sum(found.layout.replicas.values())} replicas"
        if found.layout.model:
            have += f" and {found.layout.models} model server{'s' if found.layout.models > 1 else ''}"
        raise self._out_of_reach(found, f"with {have} under {found.per_s:.2g} questions a second,")

    def _enough_by_reckoning(self, layout: Layout, per_s: float) -> Layout:
        for name, bound in bounds_per_s(self._figures, layout).items():
            have = count_of(layout, name)
            need = math.ceil(per_s * have / bound / _MOST_BUSY)
            layout = _with(layout, name, max(0, need - have))
        return layout

    def _without_spare(self, found: Found) -> Found:
        """One by one the replicas that are not needed go, model servers first: they are the dear ones."""
        names = ((MODEL,) if found.layout.model else ()) + STAGES
        for name in names:
            least = count_of(self._enough_by_reckoning(_single(found.layout), found.per_s), name)
            step = max(1, count_of(found.layout, name) // 16)
            while count_of(found.layout, name) - step >= least:
                fewer = self.simulate(_with(found.layout, name, -step), found.per_s)
                if not self._objective.held_by(fewer):
                    break
                found = fewer
        return found

    def breaking_point(self, layout: Layout, per_s: float) -> Found:
        """The same deployment under the least load (to 5%) at which the objective does not hold any more."""
        held, broken = per_s, max(per_s, min(bounds_per_s(self._figures, layout).values()))
        found = self.simulate(layout, broken)
        while self._objective.held_by(found):
            held, broken = broken, broken * 1.25
            found = self.simulate(layout, broken)
        while broken / held > 1.05:
            middle = (broken * held) ** 0.5 if broken / held < 4 else broken / 2
            between = self.simulate(layout, middle)
            if self._objective.held_by(between):
                held = middle
            else:
                broken, found = middle, between
        return found

    def _out_of_reach(self, found: Found, when: str) -> OutOfReach:
        wanted = f"{self._objective.first_audio_p95_ms:.0f} ms"
        return OutOfReach(wanted, f"{when} the p95 is {found.p95_ms:.0f} ms")


def count_of(layout: Layout, name: str) -> int:
    """How many replicas, or model servers, there are."""
    return layout.models if name == MODEL else layout.replicas.get(name, 1)


def one_more(layout: Layout, name: str) -> Layout:
    """The same with one more replica of a stage, or model server."""
    return _with(layout, name, 1)


def _with(layout: Layout, name: str, more: int) -> Layout:
    if name == MODEL:
        return replace(layout, models=layout.models + more)
    return replace(layout, replicas={**layout.replicas, name: layout.replicas.get(name, 1) + more})


def _single(layout: Layout) -> Layout:
    return replace(layout, replicas=dict.fromkeys(STAGES, 1), models=1 if layout.model else 0)


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies; infinite where there is none."""
    if not values:
        return math.inf
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
