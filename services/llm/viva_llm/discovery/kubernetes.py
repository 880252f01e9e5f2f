"""Replicas found through the Kubernetes API: the EndpointSlices of a Service, or pods with labels.

Listed, then watched from there. A watch that ends in order, having brought something, is taken up again where it
ended; after anything else (410 Gone, a connection that broke or fell silent, an end without a word) everything is
listed anew, and what is not in the list is gone. When the API cannot be reached, the addresses last known are kept,
said to be stale, and given up after a while: pods' addresses are given to other pods.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from viva_llm.discovery.cluster import Cluster
from viva_llm.discovery.endpoints import Found, Summary, read
from viva_llm.discovery.list_watch import ApiFailure, Event, ListAnew, ListWatch, connected
from viva_llm.discovery.pauses import Pauses
from viva_llm.discovery.target import Target


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds."""

    watch_s: int = 60
    """After this the server ends a watch; a dead connection is noticed no later than `slack_s` after it."""
    slack_s: float = 10.0
    list_s: float = 15.0
    first_pause_s: float = 0.5
    most_pause_s: float = 30.0
    keep_s: float = 600.0
    """How long addresses are used after the API was last heard."""


class KubernetesDiscovery:
    """Keeps the addresses of the target's replicas that are ready."""

    kind = "kubernetes"

    def __init__(
        self,
        target: Target,
        cluster: Cluster | None = None,
        timing: Timing | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._target = target
        self._cluster = cluster
        self._timing = timing or Timing()
        self._clock = clock
        self._sleep = sleep
        self._pauses = Pauses(self._timing.first_pause_s, self._timing.most_pause_s)
        self._namespace = target.namespace or ""
        self._found: dict[str, Found] = {}
        self._heard_at: float | None = None
        self._lists = 0
        self._failing = False
        self._looking: asyncio.Task | None = None
        self._log = structlog.get_logger().bind(target=str(target))
        self.addresses: frozenset[str] | None = None
        self.problem = f"the Kubernetes API has not answered yet where {target} is"
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Begins to look. Raises EngineUnavailable outside a cluster, and where the pod has no token."""
        self._cluster = self._cluster or Cluster.of_this_pod(os.environ)
        self._namespace = self._namespace or self._cluster.namespace
        self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Ends the looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    @property
    def stale(self) -> bool:
        """Whether the addresses are those of a time when the API was still heard."""
        return self._failing and self.addresses is not None

    def status(self) -> dict:
        """As /status shows it; `heard_s` is the time since the API was last heard, None when it never was."""
        return {
            "kind": self.kind,
            "target": str(self._target),
            "namespace": self._namespace,
            "port": self._target.port,
            "addresses": None if self.addresses is None else sorted(self.addresses),
            "stale": self.stale,
            "heard_s": None if self._heard_at is None else round(self._clock() - self._heard_at, 1),
            "lists": self._lists,
            "problem": self.problem or None,
        }

    async def _keep_looking(self) -> None:
        while True:
            try:
                async with connected(self._cluster, self._target, self._namespace) as api:
                    await self._follow(api)
            except ListAnew:
                self._log.info("the watch was too far behind; listing anew")
            except ApiFailure as failure:
                self._failed(str(failure))
            except Exception:
                # A defect must not end the looking for good.
                self._log.exception("discovery failed")
                self._failed("discovery failed, which is a defect of ours; the log has more")
            await self._sleep(self._pauses.next_s())

    async def _follow(self, api: ListWatch) -> None:
        things, version = await api.list(self._timing.list_s)
        self._lists += 1
        self._found = {name: self._read(name, thing) for name, thing in things.items()}
        self._heard()
        while version := await self._watch(api, version):
            await self._sleep(self._pauses.next_s())

    async def _watch(self, api: ListWatch, version: str) -> str:
        """Takes what happens until the server ends the watch; the version to go on from, "" when nothing happened."""
        began, reached = self._clock(), ""
        try:
            async with aclosing(api.watch(version, self._timing.watch_s, self._timing.slack_s)) as events:
                async for event in events:
                    reached = event.version
                    self._take(event)
                    self._heard()
        finally:
            # A watch that ends at once with nothing, again and again, is to be met with longer and longer pauses.
            if reached or self._clock() - began >= self._timing.watch_s / 2:
                self._pauses.reset()
        return reached

    def _take(self, event: Event) -> None:
        if event.kind in ("ADDED", "MODIFIED"):
            self._found[event.name] = self._read(event.name, event.thing)
        elif event.kind == "DELETED":
            self._found.pop(event.name, None)

    def _read(self, name: str, thing: dict) -> Found:
        try:
            return read(self._target, thing)
        except (LookupError, TypeError, ValueError, AttributeError):
            self._log.warning("an object cannot be read, and is left out", object=name)
            return Found()

    def _heard(self) -> None:
        self._heard_at = self._clock()
        self._failing = False
        summary = Summary.of(self._found.values())
        self._set(summary.urls, "" if summary.urls else self._why_none(summary))

    def _why_none(self, summary: Summary) -> str:
        where = f"{self._target} in namespace {self._namespace}"
        if not self._found:
            return f"there is nothing of {where}: is that the right name?"
        if summary.ports:
            return f"{where} has no port called {self._target.port}, but {', '.join(sorted(summary.ports))}"
        if summary.unready:
            return f"{where} has no replica that is ready ({summary.unready} are not)"
        return f"{where} has no replicas"

    def _failed(self, said: str) -> None:
        self._failing = True
        heard_s = None if self._heard_at is None else self._clock() - self._heard_at
        if self.addresses is None or heard_s is None:
            self._set(None, f"it is not known where {self._target} is: {said}")
        elif heard_s > self._timing.keep_s:
            self._found = {}
            self._set(None, f"the addresses of {self._target} were given up after {self._timing.keep_s:g} s: {said}")
        else:
            self._set(self.addresses, f"the addresses of {self._target} may be out of date: {said}")

    def _set(self, addresses: frozenset[str] | None, problem: str) -> None:
        if (addresses, problem) == (self.addresses, self.problem):
            return
        if problem != self.problem:
            tell = self._log.warning if problem else self._log.info
            tell("discovery", problem=problem or None, addresses=None if addresses is None else len(addresses))
        self.addresses, self.problem = addresses, problem
        self.changed.set()
