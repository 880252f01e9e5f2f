"""A routes file whose model servers a Kubernetes API knows: what clients and operators see of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from viva_llm.backend import make_backend
from viva_llm.discovery.cluster import Cluster
from viva_llm.policy import BackendPolicy
from viva_llm.settings import LLMSettings

from ..model_server import chat
from .kubernetes_api import KubernetesApi
from .things import endpoint_slice

PATH = "/v1/chat/completions"
ROUTES = """\
backends:
  qwen: {kubernetes: {service: vllm, port: http}}
aliases:
  default: [{backend: qwen}]
"""


@pytest.fixture
async def routed(serve, api, pod, monkeypatch, tmp_path) -> Callable[[str], Awaitable[httpx.AsyncClient]]:
    """Starts the service in a pod of that cluster."""
    monkeypatch.setattr(Cluster, "of_this_pod", lambda _environ: Cluster(api.url, pod))

    async def start(more: str = "") -> httpx.AsyncClient:
        write(tmp_path / "routes.yaml", ROUTES.replace("]\n", f"{more}]\n"))
        return await serve(routes_file=tmp_path / "routes.yaml", probe_timeout_s=5)

    return start


def write(path: Path, text: str) -> None:
    """Where the event loop would stop for it, no async function does it."""
    path.write_text(text)


async def found_by(client: httpx.AsyncClient, wanted: Callable[[dict], bool]) -> dict:
    """What /status says of the backend, once it is as wanted; pytest's own limit ends the wait."""
    while True:
        (backend,) = [each for each in (await client.get("/status")).json()["backends"] if each["name"] == "qwen"]
        if wanted(backend):
            return backend


def names(backend: dict) -> list[str]:
    """The replicas of a backend, by address."""
    return [each["address"] for each in backend["replicas"]]


def slice_of(port: int) -> dict:
    """A slice with one replica on this machine, at this port."""
    return endpoint_slice("127.0.0.1", http=port)


async def test_replicas_come_and_go(routed, api: KubernetesApi, model_server, second_server):
    """What the API names is asked; once it names another, that one is."""
    model_server.it_answers("first")
    second_server.it_answers("second")
    api.put("vllm-a", slice_of(httpx.URL(model_server.url).port))
    client = await routed()
    answer = (await client.post(PATH, json=chat())).json()
    assert answer["choices"][0]["message"]["content"] == "first"
    await api.watched()
    api.put("vllm-a", slice_of(httpx.URL(second_server.url).port))
    backend = await found_by(client, lambda each: names(each) == [second_server.url])
    assert backend["discovery"]["addresses"] == [second_server.url]
    answer = (await client.post(PATH, json=chat())).json()
    assert answer["choices"][0]["message"]["content"] == "second"


async def test_no_replica_is_not_ready_and_said(routed, api: KubernetesApi, model_server):
    """Without a ready replica the backend is not ready, nor is a service that has no other; both say why."""
    model_server.it_answers("here")
    client = await routed()
    said = "there is nothing of Service vllm in namespace viva: is that the right name?"
    backend = await found_by(client, lambda each: each["discovery"]["addresses"] == [])
    assert (backend["ready"], backend["last_error"]) == (False, said)
    not_ready = await client.get("/readyz")
    assert not_ready.status_code == 503
    assert said in not_ready.text
    await api.watched()
    api.put("vllm-a", slice_of(httpx.URL(model_server.url).port))
    await found_by(client, lambda each: each["ready"])
    assert (await client.get("/readyz")).status_code == 200


async def test_a_missing_role_is_said(routed, api: KubernetesApi):
    """Where the ServiceAccount may not list, readiness and /status say what to bind; the next route answers."""
    api.verbs.clear()
    client = await routed(", {backend: extractive}")
    backend = await found_by(client, lambda each: "403" in (each["last_error"] or ""))
    assert "bind a Role with get, list and watch of endpointslices" in backend["last_error"]
    assert backend["discovery"]["addresses"] is None
    status = (await client.get("/status")).json()
    assert status["degraded"] == "llm:extractive"
    assert "403" in status["why"]
    assert (await client.get("/readyz")).status_code == 200


async def test_addresses_that_were_given_up_are_asked_no_more():
    """Once a discovery no longer vouches for its addresses, the backend has no replicas, and says its sentence."""
    backend = make_backend("qwen", BackendPolicy(url=("http://127.0.0.1:1/v1",)), LLMSettings())
    await backend.start()
    assert list(backend.replicas) == ["http://127.0.0.1:1/v1"]
    backend.discovery.addresses, backend.discovery.problem = None, "the addresses were given up"
    backend.discovery.changed.set()
    while backend.replicas:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)
    assert backend.problem == "the addresses were given up"
    await backend.close()
