"""A real stack with fake engines, a second one in trouble beside it, and a real Prometheus that scrapes both."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from viva.stack.part import Part
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.prometheus import NAMESPACE, RELEASE, configuration, prometheus_part
from viva.stack.stack import Stack

from .api import Prometheus, wait_for
from .page_server import served, trace_sink
from .queries import RULES

START_S = 180.0  # of patience on a busy machine, not of speed
PAGES = Path(__file__).parent / "pages"
SCRAPE_EVERY_S = 1.0
TROUBLED = "-troubled"
FAKE = {
    "VIVA_ASR_ENGINE": "fake",
    "VIVA_ASR_FAKE_TEXT": "Who made the first integrated circuit?",
    "VIVA_ASR_FAKE_LATENCY_MS": "20",
    "VIVA_LLM_BACKENDS": "fake,extractive",
    "VIVA_TTS_ENGINE": "flite",  # the fake one waits for no thread
}
VLLM_UNDER_LOAD = {
    "vllm__num_requests_running": 6.0,
    "vllm__num_requests_waiting": 2.0,
    "vllm__kv_cache_usage_perc": 0.83,
}


@dataclass(frozen=True, slots=True)
class Watched:
    """Where everything is."""

    stack: Stack
    """The four services and Redis, all well."""
    url: str
    troubled_url: str
    """An orchestrator with one place for turns, no voice, and a model server that does not answer."""
    prometheus: Prometheus
    folder: Path


def clean_environment() -> dict[str, str]:
    """This process's environment without anybody's VIVA_ settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}


@contextmanager
def watched(folder: Path, *, alertmanager: str = "", rules: Sequence[Path] = RULES) -> Iterator[Watched]:
    """Everything, up and scraped at least once."""
    with ExitStack() as held:
        place = Place(folder / "viva", free_ports(1)[0])
        traces = {"VIVA_OTLP_ENDPOINT": held.enter_context(trace_sink())}
        parts = plan(place, clean_environment() | FAKE | traces)
        stack = held.enter_context(Stack(parts, place.logs))
        stack.start(START_S)
        closed = held.enter_context(socket.socket())  # bound and not listening: whoever calls is refused
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        troubled = _troubled(folder / "troubled", stack, place, nobody)
        beside = held.enter_context(Stack(troubled, folder / "troubled" / "logs"))
        beside.start(START_S)
        config = configuration([*parts, *troubled], rules, every_s=SCRAPE_EVERY_S, alertmanager=alertmanager)
        for target in config["scrape_configs"][0]["static_configs"]:
            target["labels"]["component"] = target["labels"]["pod"].removesuffix(TROUBLED)
        config["scrape_configs"] += [
            _job("vllm", held.enter_context(served(PAGES / "vllm-0.32.0.txt", **VLLM_UNDER_LOAD)), component="vllm"),
            _job("dcgm", held.enter_context(served(PAGES / "dcgm.txt")), namespace="gpu-operator"),
            _job("dcgm-honoured", held.enter_context(served(PAGES / "dcgm.txt")), honor_labels=True),
        ]
        server = prometheus_part(folder / "prometheus", free_ports(1)[0], config, clean_environment())
        seen = held.enter_context(Stack([server], folder / "prometheus" / "logs"))
        seen.start(START_S)
        prometheus = Prometheus(server.url)
        wait_for("every target scraped", lambda: set(prometheus.targets().values()) == {"up"})
        yield Watched(stack, place.url, troubled[-1].url, prometheus, folder)


def _troubled(folder: Path, stack: Stack, place: Place, nobody: str) -> list[Part]:
    """llm and an orchestrator; what they need of the others is the first stack's, or not there at all."""
    folder.mkdir(parents=True)
    routes = folder / "routes.yaml"
    broken = {"backend": "broken", "model": "lecturer", "first_token_s": 1.0, "chunk_s": 1.0}
    policy = {
        "backends": {"broken": {"url": [f"{nobody}/v1"]}},
        "aliases": {"default": [broken, {"backend": "extractive"}]},
    }
    routes.write_text(yaml.safe_dump(policy))
    environ = clean_environment() | FAKE
    del environ["VIVA_LLM_BACKENDS"]
    environ |= {
        "VIVA_REDIS_URL": stack["redis"].part.url,
        "VIVA_ASR_URL": stack["asr"].part.url,
        "VIVA_TTS_URL": nobody,
        "VIVA_LLM_ROUTES_FILE": str(routes),
        "VIVA_MAX_ACTIVE_TURNS": "1",
        "VIVA_OBJECT_STORE_URL": str(place.folder / "data" / "objects"),
    }
    parts = plan(Place(folder, free_ports(1)[0]), environ)
    return [replace(part, name=part.name + TROUBLED) for part in parts]


def _job(name: str, address: str, *, namespace: str = NAMESPACE, component: str = "", **more: object) -> dict:
    labels = {"namespace": namespace}
    if component:
        labels |= {"release": RELEASE, "component": component, "pod": f"viva-{component}-0"}
    return {"job_name": name, "static_configs": [{"targets": [address], "labels": labels}], **more}
