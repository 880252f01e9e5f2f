"""What stands where: replicas of each stage, their cores, and the model servers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Model:
    """A model server on one GPU node: how fast, for how many.

    A token takes `step_ms(n)` when n answers are being written. Reading a prompt has the GPU to itself for
    `read_ms` (what follows the cached lecture); a lecture that is in no cache takes `cold_ms`, once for each share
    `cold` of the questions. Beyond `slots` answers wait.
    """

    step_ms: Callable[[int], float]
    read_ms: float
    slots: int
    cold_ms: float = 0.0
    cold: float = 0.0


@dataclass(frozen=True, slots=True)
class SharedCores:
    """The cores of one machine on which everything runs.

    A core that becomes idle takes over what waits at another after `takeover_s` on average. A stage's work, and the
    `callers`', takes `cpu_factor` times the CPU that the figures say: caches are shared, too, and clocks change. The
    orchestrator and the callers do one thing at a time, other stages have a thread for each core. Where their workers
    are processes of their own, the first that is free is taken, and by `weights` they get their parts of a core.
    """

    count: int
    takeover_s: float = 0.0
    cpu_factor: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """A deployment.

    On one `machine` everything shares its cores, and `made_anew` are the stages that make a process for each piece of
    work that has a worker; otherwise each replica of a stage has `cores` of its own. Without `model` the llm stage
    answers by itself, as it was measured.
    """

    replicas: Mapping[str, int]
    cores: Mapping[str, float] = field(default_factory=dict)
    machine: SharedCores | None = None
    made_anew: frozenset[str] = frozenset()
    model: Model | None = None
    models: int = 0
    max_active_turns: int = 128
    hops_ms: float = 0.0  # added to each turn: the network between pods and zones
