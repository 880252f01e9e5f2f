"""The boundary to Redis: its errors become `StageUnavailable("redis")`, here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

from viva.errors import StageUnavailable

# Redis answers in a millisecond; a caller that waits for a dead one longer than this gains nothing.
CALL_S = 2.0


def connect(url: str) -> Redis:
    """A client that tries a lost connection once more.

    It has no socket timeout: redis-py would put `asyncio.wait_for` around every write, which before Python 3.12 loses
    a cancellation that comes at the wrong moment, so that a turn whose client left would go on. `redis_call` has the
    deadline instead.
    """
    return Redis.from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=CALL_S,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 1),
        # Given once: without it every connection looks up the library's version in its metadata, just when many turns
        # want one.
        driver_info=DriverInfo(),
    )


@asynccontextmanager
async def redis_call() -> AsyncIterator[None]:
    """Raise `StageUnavailable` for whatever goes wrong between here and Redis, and when it takes over two seconds."""
    try:
        async with asyncio.timeout(CALL_S):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise StageUnavailable("redis", "The memory of this service (Redis) does not answer.") from error
