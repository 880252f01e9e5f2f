"""The real vLLM on this machine's CPUs, as a part of a stack, and what it says of itself."""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from viva.stack.part import Part, RunningPart
from viva.stack.ports import LOOPBACK

HOME = Path(__file__).parents[2] / ".venv" / "vllm"
CONTEXT = 16_000  # not what the orchestrator takes a limit to be that nobody names, 16,384
# Several of them share two cores, and the models are tiny.
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    # As the chart has it.
    "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "90",
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
FLAGS = (
    f"--max-model-len={CONTEXT}",
    "--max-num-seqs=8",
    "--enable-prefix-caching",
    "--shutdown-timeout=60",
    "--enforce-eager",
)
_SAMPLE = re.compile(r"^([\w:]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


def vllm_part(name: str, model: str, served_name: str, port: int, *flags: str) -> Part:
    """`vllm serve` of one of the tiny models (`text`, `audio`)."""
    if not (HOME / "models" / "made-from").exists():
        pytest.fail("vLLM is not installed: run these tests with make test-vllm")
    place = (f"--host={LOOPBACK}", f"--port={port}", f"--served-model-name={served_name}")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("VIVA_", "VLLM_"))}
    url = f"http://{LOOPBACK}:{port}"
    return Part(
        name=name,
        command=[str(HOME / "bin" / "vllm"), "serve", str(HOME / "models" / model), *place, *FLAGS, *flags],
        environ=environ | ENVIRONMENT,
        url=url,
        is_ready=lambda: _is_healthy(url),
        starts_first=True,
    )


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass(frozen=True, slots=True)
class Counters:
    """What a server has counted since its start: tokens looked up in its prefix cache and found there, recordings
    looked up and found in its media cache, answers, tokens of answers, and requests to /tokenize."""

    queries: int = 0
    hits: int = 0
    media_queries: int = 0
    media_hits: int = 0
    answers: int = 0
    generated: int = 0
    counts: int = 0

    def __sub__(self, before: "Counters") -> "Counters":
        return Counters(*(getattr(self, name) - getattr(before, name) for name in Counters.__slots__))

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(*(getattr(self, name) + getattr(other, name) for name in Counters.__slots__))

    @property
    def hit_rate(self) -> float:
        """The part of the prompts' tokens that came from the cache."""
        return self.hits / self.queries if self.queries else 0.0


def counters(replica: RunningPart) -> Counters:
    """The server's own metrics. Those of a request are there once it has ended; see `settled`."""
    page = httpx.get(f"{replica.part.url}/metrics", timeout=10, trust_env=False).text
    samples = _SAMPLE.findall(page)

    def total(name: str, label: str = "") -> int:
        return int(sum(float(value) for found, labels, value in samples if found == name and label in labels))

    return Counters(
        total("vllm:prefix_cache_queries_total"),
        total("vllm:prefix_cache_hits_total"),
        total("vllm:mm_cache_queries_total"),
        total("vllm:mm_cache_hits_total"),
        total("vllm:request_success_total"),
        total("vllm:generation_tokens_total"),
        total("http_requests_total", 'handler="/tokenize"'),
    )


def settled(replica: RunningPart) -> Counters:
    """The counters when they no longer change: the server notes a request a moment after its last byte."""
    last = counters(replica)
    for _ in range(40):
        time.sleep(0.25)
        now = counters(replica)
        if now == last:
            return now
        last = now
    pytest.fail("the server goes on counting, though nobody asks it anything")
