"""What nodes can do: cores for the services, and model servers on GPUs. Read from a file like nodes.toml."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from viva.plan.figures import STAGES
from viva.plan.habits import Habits
from viva.plan.layout import Model
from viva.plan.tables import row
from viva.plan.unusable import Unusable, read_toml

OURS = Path(__file__).with_name("nodes.toml")
_LEAST_SLOTS = 1


@dataclass(frozen=True, slots=True)
class CpuNode:
    """A node for everything but the model servers; `replica` has the cores of one replica of each stage."""

    kind: str
    vcpus: float
    kept_vcpus: float
    source: str
    replica: Mapping[str, float]

    def count(self, cores: float) -> int:
        """Nodes that hold so many cores of pods."""
        return max(1, math.ceil(cores / (self.vcpus - self.kept_vcpus)))


@dataclass(frozen=True, slots=True)
class GpuNode:
    """A node with one GPU and one model server on it; the fields are explained in nodes.toml."""

    gpu: str
    memory_gb_per_s: float
    compute_tflops: float
    weights_gb: float
    kv_kib: float
    cache_tokens: float
    max_num_seqs: float


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The language model, and how well a GPU does with it."""

    name: str
    parameters: float
    lecture_tokens_per_hour: float
    other_tokens: float
    memory_efficiency: float
    compute_efficiency: float
    source: str


@dataclass(frozen=True, slots=True)
class Network:
    """Between the pods."""

    hops_ms: float
    source: str


@dataclass(frozen=True, slots=True)
class RedisNode:
    """A node of ElastiCache."""

    kind: str
    usable_gb: float
    copies: float
    source: str

    def count(self, gb: float) -> int:
        """Nodes that hold so much, copies and all."""
        return max(1, math.ceil(gb / self.usable_gb)) * round(self.copies)


@dataclass(frozen=True, slots=True)
class Nodes:
    """Everything about machines that a plan needs."""

    cpu: CpuNode
    gpus: Mapping[str, GpuNode]
    model: ModelShape
    network: Network
    redis: RedisNode

    def gpu(self, kind: str) -> GpuNode:
        """The node of that kind. Raises Unusable."""
        if kind not in self.gpus:
            raise Unusable(f"There is no GPU node {kind!r}; there are {', '.join(self.gpus)}, and none.")
        return self.gpus[kind]

    def server(self, kind: str, habits: Habits) -> Model:
        """How the model server on such a node answers questions about lectures of the usual length."""
        gpu, shape = self.gpu(kind), self.model
        lecture = habits.lectures.hours * shape.lecture_tokens_per_hour
        prompt = lecture + shape.other_tokens
        bytes_per_ms = gpu.memory_gb_per_s * shape.memory_efficiency * 1e6
        each_ms = prompt * gpu.kv_kib * 1024 / bytes_per_ms
        weights_ms = gpu.weights_gb * 1e9 / bytes_per_ms
        token_ms = 2 * shape.parameters / (gpu.compute_tflops * shape.compute_efficiency * 1e9)
        return Model(
            step_ms=lambda n: weights_ms + n * each_ms,
            # The first token comes with a step; with little to read it takes no longer than any other.
            read_ms=max(shape.other_tokens * token_ms, weights_ms + each_ms),
            slots=max(_LEAST_SLOTS, min(int(gpu.max_num_seqs), int(gpu.cache_tokens // prompt))),
            cold_ms=lecture * token_ms,
            cold=habits.lectures.cold_visits / habits.questions.per_visit,
        )


def read_nodes(path: Path = OURS) -> Nodes:
    """The nodes in a file. Raises Unusable with a sentence."""
    found = read_toml(path)
    gpus = found.get("gpu", {})
    if not isinstance(gpus, dict):
        raise Unusable(f"gpu in {path} is no table of kinds.")
    nodes = Nodes(
        cpu=row(CpuNode, found.get("cpu"), f"[cpu] in {path}"),
        gpus={kind: row(GpuNode, table, f'[gpu."{kind}"] in {path}') for kind, table in gpus.items()},
        model=row(ModelShape, found.get("model"), f"[model] in {path}"),
        network=row(Network, found.get("network"), f"[network] in {path}"),
        redis=row(RedisNode, found.get("redis"), f"[redis] in {path}"),
    )
    largest = nodes.cpu.vcpus - nodes.cpu.kept_vcpus
    replica = nodes.cpu.replica if isinstance(nodes.cpu.replica, dict) else {}
    for name in STAGES:
        cores = replica.get(name, 0)
        if not isinstance(cores, int | float) or not 0 < cores <= largest:
            raise Unusable(
                f"{name} in [cpu.replica] of {path} has to be a number of cores, above 0 and {largest:g} at most."
            )
    return nodes
