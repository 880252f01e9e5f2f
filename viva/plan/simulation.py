"""Turns on their way through the stages, as services/orchestrator/viva_orchestrator/turn.py sends them."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from viva.plan.clock import Clock, Process
from viva.plan.figures import STAGES, Figures, TurnTimes
from viva.plan.layout import Layout
from viva.plan.machine import Machine, Processes
from viva.plan.model_server import ModelServers
from viva.plan.shared import Shared, cores
from viva.plan.waiting import Places
from viva.plan.work import Work

# As in the orchestrator's speaking.py and tts' bridge.py, which a test compares.
CLAUSES_AT_ONCE = 2
CHARACTERS_PER_S = 20.0
MOST_AHEAD_S = 2.0
MODEL = "model"
CALLERS = "callers"
_CHARACTERS_PER_TOKEN = 4.0


@dataclass(slots=True)
class Outcome:
    """What came of the simulated turns; milliseconds, one value for each turn that was answered."""

    asked: int = 0
    shed_by: Counter[str] = field(default_factory=Counter)  # turns that were refused, by the stage that did
    at_s: list[float] = field(default_factory=list)
    first_audio_ms: list[float] = field(default_factory=list)
    alone_ms: list[float] = field(default_factory=list)  # what the same turns take with nobody else there
    stage_ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in (*STAGES, MODEL)})
    busy: dict[str, float] = field(default_factory=dict)  # share of its capacity that each stage used
    cpu_s: dict[str, float] = field(default_factory=dict)  # of each stage and the callers, going by the figures

    @property
    def shed_share(self) -> float:
        """Turns that were refused, of all that were asked."""
        return self.shed_by.total() / self.asked if self.asked else 0.0


@dataclass(slots=True)
class _Replica:
    cores: Shared | Processes
    workers: Shared | Processes  # what those who have a place are worked for by
    places: Places
    active: int = 0

    def cpu_s(self) -> float:
        """Seconds of work that it was given."""
        return self.cores.work_done + (0.0 if self.workers is self.cores else self.workers.work_done)


class Simulation:
    """One deployment under one stream of questions. The same seed gives the same turns."""

    def __init__(self, figures: Figures, layout: Layout, seed: int = 1) -> None:
        self._figures = figures
        self._layout = layout
        self._clock = Clock()
        self._draw = random.Random(seed)
        self._outcome = Outcome()
        machine = layout.machine and Machine(self._clock, layout.machine, seed)
        self._replicas = {name: self._stand_up(name, machine) for name in STAGES}
        self._callers = (
            machine.processes(cpu_factor=layout.machine.cpu_factor.get(CALLERS, 1.0))
            if machine
            else Shared(self._clock, cores(1e6))
        )
        self._models = ModelServers(self._clock, layout.model, layout.models) if layout.model else None
        self._work = Work(figures)

    def run(
        self, arrivals_s: Iterable[float], warm_s: float = 0.0, turns: Iterable[TurnTimes] | None = None
    ) -> Outcome:
        """Asks a question at each of these times, in seconds; what came before `warm_s` is not in the outcome.

        `turns` are theirs; without them each is drawn from all that are known.
        """
        end_s = 0.0
        for at_s, drawn in zip(arrivals_s, self._drawn() if turns is None else turns, strict=turns is not None):
            self._clock.after(at_s, lambda t=drawn, c=at_s >= warm_s: self._clock.start(self._turn(t, c)))
            end_s = at_s
        self._clock.run()
        self._reckon_busy(max(end_s, 1e-9))
        return self._outcome

    def _drawn(self) -> Iterator[TurnTimes]:
        turns = self._figures.turns
        while True:
            yield turns[self._draw.randrange(len(turns))]

    # -- a turn ---------------------------------------------------------------------------------------------------

    def _turn(self, times: TurnTimes, counts: bool) -> Process:
        clock, began = self._clock, self._clock.now
        orchestrator = self._pick("orchestrator")
        self._outcome.asked += counts
        if orchestrator.active >= self._layout.max_active_turns:
            self._outcome.shed_by["orchestrator"] += counts
            return
        orchestrator.active += 1
        seen = _Seen(began)
        yield from self._spend(self._callers, times.client, self._work.client(times))
        if self._layout.hops_ms:
            yield self._layout.hops_ms / 1000
        seen.add("orchestrator", clock.now - began, times.client + self._layout.hops_ms)
        recall = self._spend(orchestrator.cores, times.recall, self._work.recall(times))
        yield clock.together(self._hear(times, seen), recall)
        if seen.shed_by is None:
            yield from self._write(times, orchestrator, seen)
        orchestrator.active -= 1
        self._note(seen, times, counts)

    def _hear(self, times: TurnTimes, seen: "_Seen") -> Process:
        if not times.spoken:
            return
        began, replica = self._clock.now, self._pick("asr")
        if not self._admit("asr", replica, seen):
            return
        before, held, beside_ms = self._work.hearing(times)
        yield from self._spend(replica.cores, *before)
        yield replica.places.take()
        yield from self._spend(replica.workers, *held)
        replica.places.give_back()
        self._clock.start(self._spend(replica.cores, 0.0, beside_ms))
        replica.active -= 1
        seen.add("asr", self._clock.now - began, times.hear)

    def _write(self, times: TurnTimes, orchestrator: _Replica, seen: "_Seen") -> Process:
        clock, began, router = self._clock, self._clock.now, self._pick("llm")
        if not self._admit("llm", router, seen):
            return
        voices, spoken, tts = Places(clock, CLAUSES_AT_ONCE), [], self._replicas["tts"]
        model = self._models and self._models.pick(self._draw)
        if model is None:
            yield router.places.take()
            yield from self._spend(router.cores, times.token, self._work.token(times))
        else:
            yield from self._spend(router.cores, 0.0, self._work.token(times))
            if self._draw.random() < self._layout.model.cold:
                clock.start(model.read_ahead())
            yield from model.read()
        first = True
        pace_ms = 0.0 if model else self._work.pace(times)
        for number, characters in enumerate(times.clauses):
            if model is None:
                writing_ms = times.clause if first else pace_ms * characters
                yield from self._spend(router.cores, writing_ms, self._work.beside(times, number)["llm"])
            else:
                yield model.write(characters / _CHARACTERS_PER_TOKEN)
            if first:
                if model is None:
                    seen.add("llm", clock.now - began, times.token + times.clause)
                else:
                    seen.add(MODEL, clock.now - began, self._models.alone_ms(characters / _CHARACTERS_PER_TOKEN))
                first = False
            replica = tts[self._draw.randrange(len(tts))]
            spoken.append(_Ended())
            clock.start(self._voice(times, number, replica, voices, orchestrator, seen), spoken[-1].end)
        if model is None:
            router.places.give_back()
        else:
            model.leave()
        router.active -= 1
        for task in spoken:
            yield task.wait

    def _voice(self, times, number, replica, voices, orchestrator, seen) -> Process:
        began = self._clock.now
        yield voices.take()
        if not self._admit("tts", replica, seen):
            voices.give_back()
            return
        yield replica.places.take(self._clock.now + _needed_in_s(times, number, seen.first_audio_s, self._clock.now))
        held, after = self._work.voicing(times, number)
        yield from self._spend(replica.workers, *held)
        replica.places.give_back()
        yield from self._spend(replica.cores, *after)
        replica.active -= 1
        voices.give_back()
        if number == 0:
            seen.add("tts", self._clock.now - began, times.voice)
            began = self._clock.now
            yield from self._spend(orchestrator.cores, times.out, self._work.out(times))
            seen.add("orchestrator", self._clock.now - began, times.out)
            seen.first_audio_s = self._clock.now
        each = self._work.beside(times, number)
        self._clock.start(self._spend(orchestrator.cores, 0.0, each["orchestrator"]))
        if self._layout.machine:
            self._clock.start(self._spend(self._callers, 0.0, each["client"]))

    def _spend(self, shared: Shared | Processes, took_ms: float, cpu_ms: float) -> Process:
        """`took_ms` with all cores free, of which `cpu_ms` is work."""
        if cpu_ms > 0.0:
            yield shared.work(cpu_ms / 1000)
        if took_ms > cpu_ms:
            yield (took_ms - cpu_ms) / 1000

    # -- replicas -------------------------------------------------------------------------------------------------

    def _stand_up(self, name: str, machine: Machine | None) -> list[_Replica]:
        return [self._replica(name, machine) for _ in range(self._layout.replicas.get(name, 1))]

    def _replica(self, name: str, machine: Machine | None) -> _Replica:
        places = self._figures.stages[name].places
        if machine is None:
            own = workers = Shared(self._clock, cores(self._layout.cores.get(name, 1.0)))
        else:
            like = self._layout.machine
            factor = like.cpu_factor.get(name, 1.0)
            threads = 1 if name == "orchestrator" else like.count
            own = workers = machine.processes((1.0,) * threads, factor)
            if name in self._layout.made_anew:
                workers = machine.made_anew(factor)
            elif weights := like.weights.get(name):
                workers = machine.processes(weights, factor)
        return _Replica(own, workers, Places(self._clock, places))

    def _pick(self, name: str) -> _Replica:
        # A Service of Kubernetes picks by chance and knows no load.
        replicas = self._replicas[name]
        return replicas[self._draw.randrange(len(replicas))] if len(replicas) > 1 else replicas[0]

    def _admit(self, name: str, replica: _Replica, seen: "_Seen") -> bool:
        limit = self._figures.stages[name].limit
        if limit is not None and replica.active >= limit:
            seen.shed_by = seen.shed_by or name
            return False
        replica.active += 1
        return True

    # -- what came of it ------------------------------------------------------------------------------------------

    def _alone_ms(self, times: TurnTimes) -> float:
        alone = times.first_audio + self._layout.hops_ms
        if self._models is None:
            return alone
        return alone - times.token - times.clause + self._models.alone_ms(times.clauses[0] / _CHARACTERS_PER_TOKEN)

    def _note(self, seen: "_Seen", times: TurnTimes, counts: bool) -> None:
        if not counts:
            return
        if seen.shed_by is not None:
            self._outcome.shed_by[seen.shed_by] += 1
            return
        self._outcome.at_s.append(seen.began)
        self._outcome.alone_ms.append(self._alone_ms(times))
        self._outcome.first_audio_ms.append((seen.first_audio_s - seen.began) * 1000)
        for name, waited in seen.waited_ms.items():
            self._outcome.stage_ms[name].append(waited)

    def _reckon_busy(self, end_s: float) -> None:
        cpu_s = {name: sum(map(_Replica.cpu_s, replicas)) for name, replicas in self._replicas.items()}
        self._outcome.cpu_s = cpu_s | {CALLERS: self._callers.work_done}
        if self._layout.machine:
            factor = self._layout.machine.cpu_factor
            used_s = sum(used * factor.get(name, 1.0) for name, used in self._outcome.cpu_s.items())
            self._outcome.busy["machine"] = used_s / end_s / self._layout.machine.count
            return
        for name, replicas in self._replicas.items():
            capacity_s = end_s * len(replicas) * self._layout.cores.get(name, 1.0)
            self._outcome.busy[name] = cpu_s[name] / capacity_s
        if self._models:
            self._outcome.busy["model"] = self._models.busy(end_s)


def _needed_in_s(times: TurnTimes, number: int, first_audio_s: float | None, now_s: float) -> float:
    heard_s = 0.0 if first_audio_s is None else now_s - first_audio_s
    return min(MOST_AHEAD_S, max(0.0, sum(times.clauses[:number]) / CHARACTERS_PER_S - heard_s))


class _Ended:
    """The end of a process, for who comes to wait for it before or after."""

    def __init__(self) -> None:
        self._over = False
        self._resume = None

    def end(self) -> None:
        self._over = True
        if self._resume is not None:
            self._resume()

    def wait(self, resume) -> None:
        if self._over:
            resume()
        else:
            self._resume = resume


@dataclass(slots=True)
class _Seen:
    """What is noted of one turn: when its audio came, and how long each stage took over what it takes alone."""

    began: float
    first_audio_s: float | None = None
    shed_by: str | None = None
    waited_ms: dict[str, float] = field(default_factory=dict)

    def add(self, stage: str, took_s: float, alone_ms: float) -> None:
        self.waited_ms[stage] = self.waited_ms.get(stage, 0.0) + max(0.0, took_s * 1000 - alone_ms)
