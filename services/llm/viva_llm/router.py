"""The policy at work: the backends that it names, and the routes behind every name that a client may ask for."""

import asyncio
from collections.abc import Collection

import structlog

from viva.errors import NotFound
from viva_llm.backend import Backend, make_backend
from viva_llm.policy import WHOLE_LIST, Policy, RoutePolicy
from viva_llm.route import Deadlines, Route
from viva_llm.settings import LLMSettings

Routes = tuple[Route, ...]


class Router:
    """Looks routes up by name. `adopt` puts another policy in the place of the present one, between two requests."""

    def __init__(self, policy: Policy, settings: LLMSettings) -> None:
        self._settings = settings
        self.policy = policy
        """The policy in force."""
        self.backends = {name: make_backend(name, entry, settings) for name, entry in policy.used().items()}
        self.aliases = self._routes(policy, self.backends)
        self._retiring: set[asyncio.Task] = set()
        self._log = structlog.get_logger()

    @property
    def default(self) -> Routes:
        """The routes of a request that names no model."""
        return self.aliases[self.policy.default]

    def routes_for(self, model: str | None) -> Routes:
        """The routes to try, in order. Raises NotFound for a name that nothing goes by."""
        if model is None or model == WHOLE_LIST:
            return self.default
        if model in self.aliases:
            return self.aliases[model]
        found = [route for route in self._all() if model == route.shown_model]
        found = found or [route for route in self._all() if model == _own_name(route)]
        if not found:
            known = ", ".join(repr(name) for name in self.names())
            message = f"There is no model {model!r} here; there are {known}."
            raise NotFound(message, code="model_not_found", param="model")
        return tuple(found)

    def names(self) -> dict[str, Routes]:
        """All names that `routes_for` takes, with their routes: aliases first, then models, and the names of backends
        that some route leads to without naming a model: there they stand for whatever the server has."""
        models = [route.shown_model for route in self._all()]
        backends = [_own_name(route) for route in self._all()]
        found = {name: self.routes_for(name) for name in filter(None, [*models, *backends])}
        return {WHOLE_LIST: self.default, **self.aliases} | found

    @property
    def in_use(self) -> Route:
        """The route that the next question without a model goes to first."""
        return min(self.default, key=lambda route: (route.backend.resting, not route.backend.ready))

    @property
    def ready(self) -> bool:
        """Whether at least one backend can serve."""
        return any(backend.ready for backend in self.backends.values())

    async def start(self) -> None:
        """Starts every backend. Raises EngineUnavailable."""
        await self._start(self.backends.values())

    async def close(self) -> None:
        """Closes every backend, also those that a policy left behind."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        for backend in self.backends.values():
            await backend.close()

    async def adopt(self, policy: Policy) -> None:
        """Goes over to another policy. Backends whose entry is the same stay as they are, with all that is known of
        them; the others end their answers first. Raises EngineUnavailable, and then nothing has changed."""
        old, new = self.policy.used(), policy.used()
        kept = {name: self.backends[name] for name, entry in new.items() if old.get(name) == entry}
        fresh = {name: make_backend(name, new[name], self._settings) for name in new.keys() - kept.keys()}
        backends = {name: kept.get(name) or fresh[name] for name in new}
        _say_whether_they_learn(policy, fresh)
        await self._start(fresh.values())
        aliases = self._routes(policy, backends)
        gone = [backend for backend in self.backends.values() if backend not in backends.values()]
        self.policy, self.backends, self.aliases = policy, backends, aliases
        for backend in gone:
            self._retire(backend)

    async def _start(self, backends: Collection[Backend]) -> None:
        results = await asyncio.gather(*(backend.start() for backend in backends), return_exceptions=True)
        if errors := [result for result in results if isinstance(result, BaseException)]:
            await asyncio.gather(*(backend.close() for backend in backends))
            raise errors[0]

    def _retire(self, backend: Backend) -> None:
        async def retire() -> None:
            try:
                await backend.retire()
            except asyncio.CancelledError:
                await backend.close()
                raise

        task = asyncio.create_task(retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _routes(self, policy: Policy, backends: dict[str, Backend]) -> dict[str, Routes]:
        _say_whether_they_learn(policy, backends)
        return {
            alias: tuple(Route(backends[step.backend], step.model, self._deadlines(step)) for step in steps)
            for alias, steps in policy.aliases.items()
        }

    def _deadlines(self, step: RoutePolicy) -> Deadlines:
        return Deadlines(
            step.first_token_s or self._settings.first_token_timeout_s,
            step.chunk_s or self._settings.chunk_timeout_s,
        )

    def _all(self) -> Routes:
        """Every route once, by backend and model."""
        found: dict[tuple[Backend, str], Route] = {}
        for routes in self.aliases.values():
            for route in routes:
                found.setdefault((route.backend, route.model), route)
        return tuple(found.values())


def _say_whether_they_learn(policy: Policy, backends: dict[str, Backend]) -> None:
    for name, backend in backends.items():
        steps = [step for steps in policy.aliases.values() for step in steps if step.backend == name]
        backend.learns_model = any(not step.model for step in steps)


def _own_name(route: Route) -> str:
    return "" if route.model else route.backend.name
