"""Who is asked, in which order, until somebody answers: the routes of a name, and the replicas of each."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from viva_llm.failure import Failure, Reason, as_error
from viva_llm.metrics import LLMMetrics
from viva_llm.replica import Replica
from viva_llm.route import Route

Result = TypeVar("Result")

# What another replica of the same backend may do better. Faults of the request or of our settings are the same there.
_WORTH_A_RETRY = frozenset(
    {Reason.CONNECT, Reason.TIMEOUT, Reason.SERVER_ERROR, Reason.RATE_LIMITED, Reason.BAD_STREAM, Reason.EMPTY}
)
# Requests that fail together are not to come back together. In seconds.
_JITTER_S = 0.02


@dataclass(frozen=True, slots=True)
class Success(Generic[Result]):
    """What came of an attempt, and where. The replica is still taken: `release` is the caller's to call."""

    route: Route
    replica: Replica
    release: Callable[[], None]
    result: Result
    seconds: float


class Attempts:
    """The attempts of one request; `key` is what it shares with others that should meet the same replica."""

    def __init__(self, routes: tuple[Route, ...], key: str, metrics: LLMMetrics) -> None:
        self._routes = routes
        self._key = key
        self._metrics = metrics
        self._log = structlog.get_logger()
        self._failures: list[Failure] = []
        self._retried = False

    async def until_one(self, attempt: Callable[[Route, Replica], Awaitable[Result]]) -> Success[Result]:
        """The first success. Raises VivaError when there is none.

        Each route is asked once. The first that fails is asked once more on another replica, when its budget has a
        retry left; a request has one retry, not one for each route. `attempt` has the route's time for a first token,
        and raises Failure.
        """
        with ExitStack() as held:
            for route in self._routes:  # a new policy may come in the meantime
                held.enter_context(route.backend.hold())
            left = list(self._routes)
            while left:
                # Looked at anew each time: a trial of a later backend may have begun or ended in the meantime.
                route = min(left, key=lambda route: route.backend.resting)
                left.remove(route)
                success = await self._at(route, attempt, last=not left)
                if success is not None:
                    return success
        error = as_error(self._failures)
        self._metrics.unanswered.labels(error.code).inc()
        raise error

    async def _at(
        self, route: Route, attempt: Callable[[Route, Replica], Awaitable[Result]], *, last: bool
    ) -> Success | None:
        backend = route.backend
        backend.retries.earn()
        replica = backend.pick(self._key)
        if replica is None:
            self._note(route, None, Failure(Reason.NO_REPLICA, backend.problem))
            return None
        try:
            return await self._on(route, replica, attempt)
        except Failure as failure:
            self._note(route, replica, failure)
            if failure.reason not in _WORTH_A_RETRY:
                return None
        if self._retried or not self._may_go_to(self._other(route, replica), last=last):
            return None
        if not backend.retries.take():
            self._metrics.retries.labels(backend.name, "over_budget").inc()
            return None
        self._retried = True
        await asyncio.sleep(random.uniform(0, _JITTER_S))
        other = self._other(route, replica)  # chosen again: another request may have begun its trial meanwhile
        if not self._may_go_to(other, last=last):
            return None
        try:
            success = await self._on(route, other, attempt)
        except Failure as failure:
            self._note(route, other, failure)
            self._metrics.retries.labels(backend.name, "failed").inc()
            return None
        self._metrics.retries.labels(backend.name, "ok").inc()
        return success

    def _other(self, route: Route, replica: Replica) -> Replica | None:
        return route.backend.pick(self._key, (replica,))

    @staticmethod
    def _may_go_to(other: Replica | None, *, last: bool) -> bool:
        """A replica that rests, or is on trial, is asked only where there is no further route either."""
        return other is not None and (last or other.health.available)

    async def _on(
        self, route: Route, replica: Replica, attempt: Callable[[Route, Replica], Awaitable[Result]]
    ) -> Success:
        started = time.monotonic()
        release = replica.take()
        try:
            async with asyncio.timeout(route.deadlines.first_token_s) as deadline:
                with replica.waited_for(deadline):
                    result = await attempt(route, replica)
        except BaseException as error:
            release()
            raise as_failure(error, f"no token within {round(time.monotonic() - started, 1):g} s") from error
        return Success(route, replica, release, result, time.monotonic() - started)

    def _note(self, route: Route, replica: Replica | None, failure: Failure) -> None:
        self._failures.append(failure)
        name = route.backend.name
        self._metrics.failures.labels(name, failure.reason).inc()
        if failure.reason is Reason.NOT_SUPPORTED:
            return
        if replica is not None:
            replica.health.failed(failure)
        self._log.warning(
            "backend gave no answer",
            backend=name,
            replica=replica.name if replica else None,
            reason=failure.reason,
            said=failure.said,
        )


def as_failure(error: BaseException, late: str) -> BaseException:
    """What to raise for what an engine raised: Failure for any error, with the sentence `late` for a deadline;
    cancellations as they are."""
    if isinstance(error, Failure) or not isinstance(error, Exception):
        return error
    if isinstance(error, TimeoutError):
        return Failure(Reason.TIMEOUT, late)
    structlog.get_logger().error("engine raised an unmapped error", exc_info=error)
    return Failure(Reason.BROKEN, "it failed in a way that it should not; the log has the details")
