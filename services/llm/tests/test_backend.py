"""A backend and the addresses that its discovery finds."""

import asyncio
from contextlib import asynccontextmanager

from viva.errors import EngineUnavailable
from viva_llm import backend as backend_module
from viva_llm.backend import Backend, Upkeep, make_backend
from viva_llm.chat import Chat, Message
from viva_llm.discovery import Discovery
from viva_llm.engines.openai import OpenAIEngine
from viva_llm.policy import BackendPolicy
from viva_llm.settings import LLMSettings

from .model_server import HOLD, text_event

SETTINGS = LLMSettings(probe_interval_s=0.02, load_interval_s=60, probe_timeout_s=0.5)
SOON_S = 30


class Found:
    """A discovery that finds what a test tells it."""

    kind = "found"
    problem = "nothing is known yet"

    def __init__(self, *urls: str) -> None:
        self.addresses: frozenset[str] | None = frozenset(urls) if urls else None
        self.changed = asyncio.Event()
        if urls:
            self.changed.set()

    def now(self, *urls: str) -> None:
        """From now on these."""
        self.addresses = frozenset(urls)
        self.changed.set()

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    def status(self) -> dict:
        """As /status shows it."""
        return {"kind": self.kind}


@asynccontextmanager
async def backend_of(discovery: Discovery, settings: LLMSettings = SETTINGS, engine: type = OpenAIEngine):
    """A started backend with these addresses."""
    backend = Backend("b", engine, lambda url: engine("b", url, settings), discovery, Upkeep.of(settings))
    await backend.start()
    yield backend
    await backend.close()


async def until(holds) -> None:
    """Returns as soon as `holds` says so."""
    async with asyncio.timeout(SOON_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_replicas_follow_the_addresses(model_server, second_server):
    """New addresses become replicas that are probed at once, old ones go, and those that stay keep their record."""
    discovery = Found(model_server.url)
    async with backend_of(discovery) as backend:
        (first,) = backend.replicas.values()
        assert first.health.serving
        discovery.now(model_server.url, second_server.url)
        await until(lambda: len(backend.replicas) == 2 and backend.replicas[second_server.url].health.serving)
        assert backend.replicas[model_server.url] is first
        discovery.now(second_server.url)
        await until(lambda: list(backend.replicas) == [second_server.url])


async def test_no_replicas_is_not_ready(model_server):
    """A backend without replicas cannot serve, says why, and can as soon as one is found."""
    discovery = Found()
    async with backend_of(discovery) as backend:
        assert (backend.ready, backend.resting, backend.problem) == (False, True, "nothing is known yet")
        assert backend.pick("k") is None
        discovery.now(model_server.url)
        await until(lambda: backend.ready)
        discovery.now()
        await until(lambda: not backend.ready)


async def test_replica_that_goes_ends_its_answers_first(model_server):
    """A replica that is taken from the list gets nothing new, and keeps its connection until its answer has ended."""
    model_server.it_answers("a", "b", gap_s=0.2)
    discovery = Found(model_server.url)
    async with backend_of(discovery) as backend:
        replica = backend.pick("k")
        release = replica.take()
        stream = replica.engine.stream(Chat((Message("user", "x"),)), "m")
        assert (await anext(stream)).text == "a"
        discovery.now()
        await until(lambda: not backend.replicas)
        assert [delta.text async for delta in stream] == ["b", ""]
        release()
        await until(lambda: replica.engine._session.closed)


async def test_load_is_read_while_another_replica_hangs(model_server, second_server):
    """A replica that does not say its load takes nothing from what is known of the others."""
    model_server.metrics = b"vllm:num_requests_running 1.0\n"
    second_server.metrics_status = 503  # one without any would seldom be asked
    settings = LLMSettings(probe_interval_s=60, load_interval_s=0.02, probe_timeout_s=60)
    discovery = Found(model_server.url, second_server.url)
    async with backend_of(discovery, settings) as backend:
        good, hanging = backend.replicas[model_server.url], backend.replicas[second_server.url]
        await until(lambda: good.load is not None)
        second_server.running.clear()
        await until(lambda: hanging.reading_load)
        for running in range(2, 6):
            model_server.metrics = f"vllm:num_requests_running {running}.0\n".encode()
            await until(lambda running=running: good.load.running == running)
        second_server.running.set()


async def test_addresses_that_cannot_be_taken_over_are_tried_again(model_server, second_server):
    """One address that fails holds up no other, is told of in /status, and is taken over as soon as it can be."""
    fails = True

    class Engine(OpenAIEngine):
        async def start(self) -> None:
            if fails and self._url == second_server.url:
                raise EngineUnavailable("there is no more room.")
            await super().start()

    discovery = Found(model_server.url)
    async with backend_of(discovery, engine=Engine) as backend:
        discovery.now(second_server.url, model_server.url)
        await until(lambda: "problem" in backend.body()["discovery"])
        assert "tried again: there is no more room" in backend.body()["discovery"]["problem"]
        assert list(backend.replicas) == [model_server.url]
        discovery.now(second_server.url)
        await until(lambda: not backend.replicas)
        assert "there is no more room" in backend.problem
        fails = False
        await until(lambda: list(backend.replicas) == [second_server.url] and backend.ready)
        await until(lambda: "problem" not in backend.body()["discovery"])


async def test_backend_by_name_resolves_it(model_server):
    """A backend with `dns` has a replica for each address of the name."""
    url = model_server.url.replace("127.0.0.1", "localhost")
    backend = make_backend("b", BackendPolicy(dns=url), SETTINGS)
    await backend.start()
    assert model_server.url in backend.replicas
    assert backend.body()["discovery"]["kind"] == "dns"
    await backend.close()


async def test_shortest_context_of_the_replicas_counts(model_server, second_server):
    """Where replicas differ, nobody is promised more than the least; the first model is the one without a name."""
    model_server.models = [{"id": "m", "max_model_len": 16384}, {"id": "n", "max_model_len": 512}]
    second_server.models = [{"id": "m", "max_model_len": 8192}, {"id": "n"}]
    async with backend_of(Found(model_server.url, second_server.url)) as backend:
        lengths = {model: backend.max_model_len(model) for model in ("m", "n", "x", "")}
        assert lengths == {"m": 8192, "n": 512, "x": None, "": 8192}


async def test_retired_backend_ends_the_answers_of_replicas_that_have_gone(model_server, monkeypatch):
    """A pod that ends and a change of the policy in the same minute do not cut its last answer."""
    monkeypatch.setattr(backend_module, "_RETIRING_S", 0.01)
    model_server.it_sends(text_event("a"), HOLD, text_event("b", "stop"), b"data: [DONE]\n\n")
    discovery = Found(model_server.url)
    async with backend_of(discovery) as backend:
        replica = backend.pick("k")
        release = replica.take()
        stream = replica.engine.stream(Chat((Message("user", "x"),)), "m")
        assert (await anext(stream)).text == "a"
        discovery.now()
        await until(lambda: not backend.replicas)
        retiring = asyncio.create_task(backend.retire())
        await asyncio.sleep(0.05)
        model_server.released.set()
        assert [delta.text async for delta in stream] == ["b"]
        release()
        await asyncio.wait_for(retiring, SOON_S)
