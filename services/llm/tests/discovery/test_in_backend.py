"""A backend whose replicas the Kubernetes API knows."""

import asyncio
import re
import subprocess
import sys

from viva_llm.backend import Backend, Upkeep
from viva_llm.chat import Chat, Message
from viva_llm.discovery.cluster import Cluster
from viva_llm.discovery.kubernetes import KubernetesDiscovery
from viva_llm.engines.openai import OpenAIEngine
from viva_llm.settings import LLMSettings

from ..model_server import ModelServer
from .conftest import SERVICE
from .kubernetes_api import KubernetesApi
from .things import endpoint_slice

SETTINGS = LLMSettings(probe_interval_s=0.02)


def slice_of(server: ModelServer) -> dict:
    """A slice of the Service with this server as its only endpoint."""
    return endpoint_slice("127.0.0.1", http=int(server.url.rsplit(":", 1)[1].removesuffix("/v1")))


async def until(holds) -> None:
    """Returns as soon as `holds` says so; pytest's own limit ends the wait for what never comes."""
    while not holds():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.01)


async def asked(backend: Backend, server: ModelServer) -> None:
    """Waits until the server is the only replica, and asks it through the backend."""
    server.it_answers("ok")
    await until(lambda: list(backend.replicas) == [server.url] and backend.ready)
    stream = backend.pick("lecture:1").engine.stream(Chat((Message("user", "x"),)), "m")
    assert "ok" in [delta.text async for delta in stream]
    assert len(server.requests) == 1


async def test_questions_follow_the_pods(api: KubernetesApi, pod, model_server, second_server):
    """A ready pod is asked; one that is gone is not, and one that comes is; without any, the backend is not ready."""
    discovery = KubernetesDiscovery(SERVICE, Cluster(api.url, pod))
    backend = Backend("b", OpenAIEngine, lambda url: OpenAIEngine("b", url, SETTINGS), discovery, Upkeep.of(SETTINGS))
    api.put("vllm-a", slice_of(model_server))
    await backend.start()
    try:
        await asked(backend, model_server)
        api.put("vllm-b", slice_of(second_server))
        api.remove("vllm-a")
        await asked(backend, second_server)
        api.remove("vllm-b")
        await until(lambda: not backend.ready)
        assert backend.pick("lecture:1") is None
    finally:
        await backend.close()


def test_missing_client_is_told_with_the_command_that_installs_it():
    """Where the extra is not installed, the start stops with what to type."""
    code = """
import sys
sys.modules["kubernetes"] = None
from viva.errors import EngineUnavailable
from viva_llm.backend import make_discovery
from viva_llm.policy import BackendPolicy
try:
    make_discovery(BackendPolicy(kubernetes={"service": "vllm"}))
except EngineUnavailable as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "needs the Python package 'kubernetes" in said
    assert re.search(rf"{re.escape(sys.executable)} -m pip install 'kubernetes==[0-9.]+'$", said.strip())
