#!/usr/bin/env python3
"""What of a GPU's memory a profile takes, computed from the shape of its model.

    services/llm/vllm/what_fits.py            the table, as README.md has it
    services/llm/vllm/what_fits.py --write    puts it there

weights + activations + keys and values = memory x gpu-memory-utilization. vLLM gives everything that the first two
leave to the keys and values, and says how many tokens that is when it starts ("GPU KV cache size"): the measured figure
goes before the one here. All sizes are bytes; nothing here is vLLM's own code.
"""

import math
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- table: what_fits.py -->\n", "<!-- end of table -->\n"
GIB, MIB = 1024**3, 1024**2
BLOCK_TOKENS = 16
# The context of CUDA, its graphs, and what PyTorch keeps in hand. vLLM measures it; this is what is usual.
OVERHEAD = 1.0 * GIB
WEIGHT_BYTES = {"": 2.0, "fp8": 1.0, "awq": 0.56}  # 4 bits with a scale and a zero for every 128
KV_BYTES = {"auto": 2, "bfloat16": 2, "fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1}


@dataclass(frozen=True, slots=True)
class Audio:
    """An encoder like Whisper's, and its tokens for each second of sound."""

    layers: int
    hidden: int
    intermediate: int
    mel_bins: int
    tokens_per_s: float

    def parameters(self, model_hidden: int) -> int:
        """All of them, with the projection into the model."""
        attention = 4 * self.hidden**2 + 3 * self.hidden  # keys have no bias
        mlp = 2 * self.hidden * self.intermediate + self.hidden + self.intermediate
        convolutions = 3 * self.hidden * (self.mel_bins + self.hidden) + 2 * self.hidden
        projection = self.hidden * model_hidden + model_hidden
        return self.layers * (attention + mlp + 4 * self.hidden) + convolutions + 2 * self.hidden + projection


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder with grouped-query attention and a gated MLP, as Llama and Qwen are."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied_embeddings: bool
    context: int
    qkv_bias: bool = False
    qk_norm: bool = False
    audio: Audio | None = None

    @property
    def kv_width(self) -> int:
        """Keys, or values, of one token in one layer."""
        return self.kv_heads * self.head_dim

    @property
    def embeddings(self) -> int:
        """Parameters of the embeddings, which are not quantized."""
        return self.vocabulary * self.hidden * (1 if self.tied_embeddings else 2)

    @property
    def parameters(self) -> int:
        """All of them."""
        queries = self.heads * self.head_dim
        attention = 2 * self.hidden * queries + 2 * self.hidden * self.kv_width
        attention += (queries + 2 * self.kv_width) * self.qkv_bias + 2 * self.head_dim * self.qk_norm
        layer = attention + 3 * self.hidden * self.intermediate + 2 * self.hidden
        ears = self.audio.parameters(self.hidden) if self.audio else 0
        return self.layers * layer + self.hidden + self.embeddings + ears

    def weights(self, quantization: str) -> float:
        """Bytes of the weights; what is not a matrix of the layers stays at 16 bits."""
        sixteen = self.embeddings + (self.audio.parameters(self.hidden) if self.audio else 0)
        return 2 * sixteen + WEIGHT_BYTES[quantization] * (self.parameters - sixteen)

    def kv_of_token(self, kv_type: str) -> int:
        """Bytes of keys and values of one token in all layers."""
        return 2 * self.layers * self.kv_width * KV_BYTES[kv_type]

    def activations(self, batch: int, sequences: int) -> float:
        """The most that is alive at once: one layer of a full batch, and the scores of the last tokens."""
        layer = batch * (2 * self.intermediate + self.heads * self.head_dim + 2 * self.kv_width + 4 * self.hidden) * 2
        return layer + sequences * self.vocabulary * (4 + 4 + 2)  # in 32 bits, their probabilities, in 16 bits


@dataclass(frozen=True, slots=True)
class Profile:
    """One file of profiles/: a model on a GPU, and the flags of `vllm serve`."""

    name: str
    repository: str
    revision: str
    shape: Shape
    gpu: str
    memory: int
    flags: dict[str, object]
    batch: int
    chart: str

    @property
    def budget(self) -> float:
        """Bytes that vLLM may take."""
        return self.memory * float(self.flags["gpu-memory-utilization"])

    @property
    def weights(self) -> float:
        """Bytes of the weights."""
        return self.shape.weights(str(self.flags.get("quantization", "")))

    @property
    def activations(self) -> float:
        """Bytes beside weights and cache."""
        return self.shape.activations(self.batch, int(self.flags["max-num-seqs"])) + OVERHEAD

    @property
    def kv_of_token(self) -> int:
        """Bytes of one token in the cache."""
        return self.shape.kv_of_token(str(self.flags.get("kv-cache-dtype", "auto")))

    @property
    def cached_tokens(self) -> int:
        """Tokens that the cache holds, in whole blocks; 0 where the weights do not fit."""
        left = self.budget - self.weights - self.activations
        return max(0, math.floor(left / (self.kv_of_token * BLOCK_TOKENS))) * BLOCK_TOKENS

    @property
    def at_full_length(self) -> float:
        """How many requests of the greatest length the cache holds at once; below 1 vLLM does not start."""
        return self.cached_tokens / int(self.flags["max-model-len"])


def read_profiles(folder: Path = HERE / "profiles") -> list[Profile]:
    """All profiles, by name. Raises KeyError for a model or GPU that shapes.toml lacks."""
    known = tomllib.loads((HERE / "shapes.toml").read_text())
    return [_profile(path, known) for path in sorted(folder.glob("*.toml"))]


def _profile(path: Path, known: dict) -> Profile:
    data = tomllib.loads(path.read_text())
    shape, gpu = dict(known["models"][data["shape"]]), known["gpus"][data["gpu"]]
    if "audio" in shape:
        shape["audio"] = Audio(**shape["audio"])
    flags = data["flags"]
    batch = int(flags.get("max-num-batched-tokens", gpu["batch"]))
    return Profile(
        path.stem, data["model"], data["revision"], Shape(**shape), data["gpu"], gpu["memory_mib"] * MIB, flags, batch,
        data.get("chart", ""),
    )  # fmt: skip


def table(profiles: list[Profile]) -> str:
    """The rows of README.md."""
    rows = [
        "| Profile | GPU | May take | Weights | Activations | One token | Cache | Requests at full length |\n",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    ]
    for profile in profiles:
        kib = profile.kv_of_token / 1024
        rows.append(
            f"| `{profile.name}` | {profile.gpu} | {profile.budget / GIB:.1f} GiB | {profile.weights / GIB:.1f} GiB "
            f"| {profile.activations / GIB:.1f} GiB | {kib:.0f} KiB | {profile.cached_tokens:,} tokens "
            f"| {profile.at_full_length:.1f} × {profile.flags['max-model-len']:,} |\n"
        )
    return "".join(rows)


def written(text: str) -> str:
    """README.md with the table as it is now."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return head + BEGIN + table(read_profiles()) + END + tail


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        README.write_text(written(README.read_text()))
    else:
        sys.stdout.write(table(read_profiles()))
