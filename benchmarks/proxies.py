"""The proxies that are compared: how each is started in front of the same model servers, with as little else as it can.

The others are programs of their own environments, which scripts/benchmark_env makes.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from viva.stack.ports import LOOPBACK

ENVIRONMENTS = Path(__file__).parents[1] / ".viva" / "benchmarks"
# litellm takes half a minute on a busy machine.
READY_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Started:
    """A command, and what it finds in its environment besides ours."""

    command: list[str]
    environ: dict[str, str]


@dataclass(frozen=True, slots=True)
class Proxy:
    """One of the compared. `start(port, spare port, model servers' ports, folder for its files)` says how."""

    name: str
    start: Callable[[int, int, list[int], Path], Started]
    environment: str | None = None
    """The name of its own environment; None: it runs in ours."""

    @property
    def installed(self) -> bool:
        """Whether it can be started here."""
        return self.environment is None or self._made_from.exists()

    @property
    def version(self) -> str:
        """As it was installed."""
        pins = self._made_from.read_text().split() if self.environment else []
        return next((pin.partition("==")[2] for pin in pins if pin.startswith(f"{self.environment}==")), "")

    @property
    def _made_from(self) -> Path:
        return ENVIRONMENTS / str(self.environment) / "made-from"


def _viva(port: int, _spare: int, models: list[int], folder: Path) -> Started:
    routes = folder / "routes.yaml"
    replicas = ", ".join(f"'{url}'" for url in _urls(models, "/v1"))
    routes.write_text(
        f"backends: {{paced: {{url: [{replicas}]}}}}\naliases: {{default: [{{backend: paced, model: paced}}]}}\n"
    )
    settings = {"VIVA_PORT": str(port), "VIVA_LLM_ROUTES_FILE": str(routes), "VIVA_LLM_MAX_ACTIVE": "1000"}
    return Started([sys.executable, "-m", "viva_llm"], {**settings, "VIVA_LOG_FORMAT": "json"})


def _vllm_router(port: int, spare: int, models: list[int], _folder: Path) -> Started:
    command = [str(ENVIRONMENTS / "vllm-router/bin/vllm-router"), "--host", LOOPBACK, "--port", str(port)]
    # Sticky by X-Session-ID. Its default, cache_aware, asks a model server for the prompt's tokens before each answer.
    command += ["--policy", "consistent_hash", "--worker-urls", *_urls(models)]
    command += ["--prometheus-port", str(spare), "--log-level", "warning"]
    return Started(command, {})


def _litellm(port: int, _spare: int, models: list[int], folder: Path) -> Started:
    servers = [{"model": "openai/paced", "api_base": url, "api_key": "none"} for url in _urls(models, "/v1")]
    config = {
        "model_list": [{"model_name": "paced", "litellm_params": server} for server in servers],
        # Neither keys nor a database: the least that it can do for a request.
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    path = folder / "litellm.yaml"
    path.write_text(json.dumps(config))  # YAML, too
    command = [str(ENVIRONMENTS / "litellm/bin/litellm"), "--config", str(path), "--host", LOOPBACK]
    # Without the first it asks the internet for prices when it starts.
    environ = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False"}
    return Started([*command, "--port", str(port), "--num_workers", "1", "--telemetry", "False"], environ)


def _urls(ports: list[int], path: str = "") -> list[str]:
    return [f"http://{LOOPBACK}:{port}{path}" for port in ports]


PROXIES = (
    Proxy("Viva's llm", _viva),
    Proxy("vllm-router", _vllm_router, "vllm-router"),
    Proxy("litellm", _litellm, "litellm"),
)


@contextmanager
def running(started: Started, *, core: int | None, log: Path) -> Iterator[subprocess.Popen]:
    """The process, on one core if one is given; ended afterwards."""

    def pin() -> None:
        # In the child, before it has threads: those that it starts then are on the same core.
        os.sched_setaffinity(0, {core})

    pinned = {} if core is None else {"preexec_fn": pin}
    with log.open("wb") as out:
        process = subprocess.Popen(
            started.command,
            env=os.environ | started.environ,
            stdout=out,
            stderr=out,
            start_new_session=True,
            **pinned,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_it_answers(port: int, process: subprocess.Popen, log: Path) -> None:
    """Returns once a question got its answer. Raises SystemExit with its last words when it ended or takes too long."""
    question = {"model": "paced", "max_tokens": 1, "seed": 30, "stream": True}
    body = json.dumps({**question, "messages": [{"role": "user", "content": "Ready?"}]}).encode()
    request = urllib.request.Request(
        f"http://{LOOPBACK}:{port}/v1/chat/completions", body, {"Content-Type": "application/json"}
    )
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                if b"[DONE]" in answer.read():
                    return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{log.stem} did not start: {log.read_text(errors='replace')[-2000:]}")
