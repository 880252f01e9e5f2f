"""A Kubernetes API, a pod's folder of secrets, and discoveries that are closed again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from viva_llm.discovery.cluster import Cluster
from viva_llm.discovery.kubernetes import KubernetesDiscovery, Timing
from viva_llm.discovery.target import Target

from .kubernetes_api import KubernetesApi

SERVICE = Target(service="vllm", port="http")


class Pauses:
    """The sleep of a discovery: notes how long it would be, and lasts until it is let go on."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []
        self._begun = asyncio.Condition()
        self._go = asyncio.Semaphore(0)
        self._always = False

    async def __call__(self, seconds: float) -> None:
        async with self._begun:
            self.asked_s.append(seconds)
            self._begun.notify_all()
        if not self._always:
            await self._go.acquire()

    async def begun(self, times: int) -> None:
        """Waits for the pause of that number."""
        async with self._begun:
            await self._begun.wait_for(lambda: len(self.asked_s) >= times)

    def go_on(self) -> None:
        """Ends one pause."""
        self._go.release()

    def go_on_always(self) -> None:
        """Ends this pause and those to come."""
        self._always = True
        self._go.release()


class Clock:
    """A clock that is set by hand, in seconds."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def api() -> AsyncIterator[KubernetesApi]:
    """An API server with EndpointSlices."""
    async with KubernetesApi() as server:
        yield server


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    """The folder that Kubernetes mounts into a pod."""
    (tmp_path / "token").write_text("first-token")
    (tmp_path / "namespace").write_text("viva")
    return tmp_path


@pytest.fixture
def pauses() -> Pauses:
    """Pauses that end when the test says so."""
    return Pauses()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
async def look(pod: Path, pauses: Pauses, clock: Clock) -> AsyncIterator[Callable]:
    """Starts a discovery at a server; its watches end only when the server wants."""
    async with AsyncExitStack() as stack:

        async def start(api: KubernetesApi, target: Target = SERVICE, **timing: float) -> KubernetesDiscovery:
            timing = Timing(**{"watch_s": 100, "slack_s": 20, **timing})
            found = KubernetesDiscovery(target, Cluster(api.url, pod), timing, clock=clock, sleep=pauses)
            await found.start()
            stack.push_async_callback(found.close)
            return found

        yield start


async def settled(discovery: KubernetesDiscovery, condition: Callable[[], bool]) -> None:
    """Waits until the discovery has come to something; pytest's own limit ends the wait for what never comes."""
    while not condition():
        await discovery.changed.wait()
        discovery.changed.clear()
