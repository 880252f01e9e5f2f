"""One backend: the replicas that its discovery finds, looked after, and the choice among them."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from viva.errors import EngineUnavailable
from viva.service.engines import import_engine
from viva_llm.discovery import DISCOVERIES, Discovery
from viva_llm.engine import ENGINES, Engine
from viva_llm.health import Health
from viva_llm.placement import Bound, place, ranked
from viva_llm.policy import BackendPolicy
from viva_llm.replica import Replica
from viva_llm.retry_budget import RetryBudget
from viva_llm.settings import LLMSettings

# How many load intervals a load may be old: one that was missed does not make the router blind.
_LOAD_LASTS = 3
# How often a backend that a policy left behind looks whether its answers have ended, in seconds.
_RETIRING_S = 1.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How replicas are looked after; times in seconds."""

    rest_s: float
    eject_after: int
    probe_interval_s: float
    probe_timeout_s: float
    load_interval_s: float
    bound: Bound
    retry_share: float

    @classmethod
    def of(cls, settings: LLMSettings) -> "Upkeep":
        """As the settings say."""
        return cls(
            rest_s=settings.rest_s,
            eject_after=settings.eject_after,
            probe_interval_s=settings.probe_interval_s,
            probe_timeout_s=settings.probe_timeout_s,
            load_interval_s=settings.load_interval_s,
            bound=Bound(settings.load_factor, settings.sticky_requests),
            retry_share=settings.retry_share,
        )


class Backend:
    """Replicas that serve the same models. Made with `make_backend`."""

    def __init__(
        self,
        name: str,
        engine_class: type[Engine],
        new_engine: Callable[[str], Engine],
        discovery: Discovery,
        upkeep: Upkeep,
        *,
        chats: bool = True,
    ) -> None:
        self.name = name
        self.chats = chats
        """Whether it answers; a server of an embedding model does not."""
        self.kind = engine_class.kind
        self.hears = engine_class.hears
        self.completes = engine_class.completes
        self.discovery = discovery
        self.retries = RetryBudget(upkeep.retry_share)
        self.held = 0
        """Requests that may yet ask it."""
        self.learns_model = False
        """Whether some route leaves the model to the server."""
        self.replicas: dict[str, Replica] = {}
        self._new_engine = new_engine
        self._upkeep = upkeep
        self._leaving: set[Replica] = set()
        self._not_adopted = ""
        self._tasks: list[asyncio.Task] = []
        self._log = structlog.get_logger()

    @property
    def ready(self) -> bool:
        """Whether some replica can serve."""
        return any(replica.health.serving for replica in self.replicas.values())

    @property
    def resting(self) -> bool:
        """Whether other backends should be tried first: no replica may be asked now."""
        return not any(replica.health.available for replica in self.replicas.values())

    @property
    def problem(self) -> str:
        """Why it does not serve, in a sentence; "" when it does."""
        if self.ready:
            return ""
        if not self.replicas:
            return self._not_adopted or self.discovery.problem or "it has no replicas"
        errors = (replica.health.last_error for replica in self.replicas.values())
        return next(filter(None, errors), "not heard of yet")

    def pick(self, key: str, tried: Collection[Replica] = ()) -> Replica | None:
        """The replica for a key, but none of `tried`; None when there is no other.

        Replicas that are not available come into question only when no other is left.
        """
        left = [replica for replica in self.replicas.values() if replica not in tried]
        left = [replica for replica in left if replica.health.available] or left
        if len(left) < 2:
            return left[0] if left else None
        by_name = {replica.name: replica for replica in left}
        order = [by_name[name] for name in ranked(key, by_name)]
        loads, queueing = [replica.busy for replica in order], [replica.queueing for replica in order]
        return order[place(loads, queueing, self._upkeep.bound)]

    def max_model_len(self, model: str) -> int | None:
        """The context of a model in tokens, "" for the first of each server; the shortest where replicas differ."""
        lengths = [
            served.max_model_len
            for replica in self.replicas.values()
            for served in (replica.models if model else replica.models[:1])
            if served.max_model_len and model in ("", served.name)
        ]
        return min(lengths, default=None)

    @property
    def learned_model(self) -> str:
        """The model that a route without one means, "" while that is not known."""
        return next((replica.models[0].name for replica in self.replicas.values() if replica.models), "")

    async def start(self) -> None:
        """Begins to find and look after replicas; waits a moment for the first. Raises EngineUnavailable."""
        await self.discovery.start()
        try:
            async with asyncio.timeout(self._upkeep.probe_timeout_s):
                await self.discovery.changed.wait()
        except TimeoutError:
            self._log.warning("replicas not found yet", backend=self.name)
        await self._adopt()
        self._tasks = [
            asyncio.create_task(self._keep_following()),
            asyncio.create_task(self._keep_probing()),
            asyncio.create_task(self._keep_reading_loads()),
        ]

    async def close(self) -> None:
        """Ends the upkeep and closes every replica."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.discovery.close()
        for replica in [*self.replicas.values(), *self._leaving]:
            await replica.engine.close()

    async def retire(self) -> None:
        """Closes it once the answers that are under way have ended, also at replicas that have gone."""
        while self._answering:  # noqa: ASYNC110 - nobody waits for it
            await asyncio.sleep(_RETIRING_S)
        await self.close()

    @property
    def _answering(self) -> bool:
        """Whether an answer is under way here, or one elsewhere may yet come to it."""
        return self.held > 0 or any(replica.in_flight for replica in [*self.replicas.values(), *self._leaving])

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Whoever may yet ask it, since others are tried before, keeps it open so."""
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

    async def _keep_following(self) -> None:
        while True:
            await self.discovery.changed.wait()
            try:
                await self._adopt()
            except Exception as error:
                self._log.exception("new addresses could not be taken over", backend=self.name)
                reason = error if isinstance(error, EngineUnavailable) else "the log has the details"
                self._not_adopted = f"new addresses could not be taken over, which is tried again: {reason}"
                self.discovery.changed.set()
                await asyncio.sleep(self._upkeep.probe_interval_s)
            else:
                self._not_adopted = ""

    async def _adopt(self) -> None:
        """Makes the replicas those that the discovery has now. One that is gone ends its answers first.

        Raises what the first of those raised that could not be started, after the others have been.
        """
        self.discovery.changed.clear()
        # Unknown is nothing yet, or nothing any more: a discovery keeps what may still be right by itself.
        found = self.discovery.addresses or frozenset()
        for address in self.replicas.keys() - found:
            self._leaving.add(self.replicas.pop(address))
            self._log.info("replica gone", backend=self.name, replica=address)
        new, errors = [], []
        for address in sorted(found - self.replicas.keys()):
            try:
                new.append(await self._started(address))
            except Exception as error:
                errors.append(error)
            else:
                self.replicas[address] = new[-1]
        await self._probe(new)
        if errors:
            raise errors[0]

    async def _started(self, address: str) -> Replica:
        engine = self._new_engine(address)
        await engine.start()
        health = Health(self._upkeep.rest_s, self._upkeep.eject_after)
        lasts_s = _LOAD_LASTS * self._upkeep.load_interval_s
        return Replica(address or self.name, engine, health, load_lasts_s=lasts_s)

    async def _keep_probing(self) -> None:
        while True:
            await asyncio.sleep(self._upkeep.probe_interval_s)
            await self._probe(self.replicas.values())
            for replica in [replica for replica in self._leaving if not replica.in_flight]:
                self._leaving.discard(replica)
                await replica.engine.close()

    async def _probe(self, replicas: Collection[Replica]) -> None:
        timeout_s = self._upkeep.probe_timeout_s
        await asyncio.gather(*(replica.probe(timeout_s, learns_model=self.learns_model) for replica in replicas))

    async def _keep_reading_loads(self) -> None:
        # Each by itself: one that does not answer must not hold up what the others say.
        async with asyncio.TaskGroup() as readings:
            while True:
                for replica in self.replicas.values():
                    if not replica.reading_load:
                        readings.create_task(replica.read_load(self._upkeep.probe_timeout_s))
                await asyncio.sleep(self._upkeep.load_interval_s)

    def body(self) -> dict:
        """As /status shows it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "serves": "chat" if self.chats else "embeddings",
            "ready": self.ready,
            "last_error": self.problem or None,
            "discovery": self.discovery.status() | ({"problem": self._not_adopted} if self._not_adopted else {}),
            "replicas": [replica.body() for replica in self.replicas.values()],
        }


def make_backend(name: str, policy: BackendPolicy, settings: LLMSettings) -> Backend:
    """A backend, not started. Raises EngineUnavailable when it cannot be loaded here."""
    engine_class = import_engine(ENGINES, policy.kind, stage="llm")
    return Backend(
        name,
        engine_class,
        lambda url: engine_class(name, url, settings),
        make_discovery(policy),
        Upkeep.of(settings),
        chats=policy.serves == "chat",
    )


def make_discovery(policy: BackendPolicy) -> Discovery:
    """What finds the replicas of a backend. Raises EngineUnavailable when it cannot be loaded here."""
    if policy.kubernetes:
        return import_engine(DISCOVERIES, "kubernetes", stage="discovery")(policy.kubernetes.target())
    if policy.dns:
        return import_engine(DISCOVERIES, "dns", stage="discovery")(policy.dns)
    # An engine in this process is its own only replica, at no address.
    return import_engine(DISCOVERIES, "static", stage="discovery")(policy.url or ("",))
