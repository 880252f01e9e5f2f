"""The boundary to Redis: its errors become `StageUnavailable("redis")`, here and nowhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import NoScriptError, RedisError

from viva.errors import StageUnavailable
from viva.service.metrics import BoundedLabel, ServiceMetrics

# Redis answers in a millisecond; a caller that waits for a dead one longer than this gains nothing.
CALL_S = 2.0


class RedisMetrics:
    """How long Redis takes, by command; a pipeline of several is one `pipeline`."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._seconds = metrics.histogram(
            "viva_redis_seconds",
            "Time of one call to Redis, waiting for a connection and a second try included, by command and outcome: "
            "ok, error, given_up, no_script",
            ("operation", "outcome"),
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0),
        )
        self._operation = BoundedLabel()

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Observes what happens inside."""
        started, outcome = time.monotonic(), "given_up"  # by who asked: its time was over, or its client left
        try:
            yield
            outcome = "ok"
        except NoScriptError:
            outcome = "no_script"  # a Redis that was just started: the script is sent, and run again
            raise
        except Exception:
            outcome = "error"
            raise
        finally:
            self._seconds.labels(self._operation(operation), outcome).observe(time.monotonic() - started)


class TimedRedis(Redis):
    """redis-py's client, whose calls are timed."""

    metrics: RedisMetrics

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """One command."""
        with self.metrics.timed(str(args[0]).lower()):
            return await super().execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Several commands at once."""
        pipe = TimedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.metrics = self.metrics
        return pipe


class TimedPipeline(Pipeline):
    """redis-py's pipeline, timed as a whole."""

    metrics: RedisMetrics

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Sends what was queued."""
        with self.metrics.timed("pipeline"):
            return await super().execute(raise_on_error)


def connect(url: str, metrics: RedisMetrics | None = None) -> Redis:
    """A client that tries a lost connection once more, and is timed where there are `metrics` of it.

    It has no socket timeout: redis-py would put `asyncio.wait_for` around every write, which before Python 3.12 loses
    a cancellation that comes at the wrong moment, so that a turn whose client left would go on. `redis_call` has the
    deadline instead.
    """
    client = (Redis if metrics is None else TimedRedis).from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=CALL_S,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 1),
        # Given once: without it every connection looks up the library's version in its metadata, just when many turns
        # want one.
        driver_info=DriverInfo(),
    )
    if metrics is not None:
        client.metrics = metrics
    return client


@asynccontextmanager
async def redis_call() -> AsyncIterator[None]:
    """Raise `StageUnavailable` for whatever goes wrong between here and Redis, and when it takes over two seconds."""
    try:
        async with asyncio.timeout(CALL_S):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise StageUnavailable("redis", "The memory of this service (Redis) does not answer.") from error
