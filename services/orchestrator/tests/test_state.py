"""The boundary to Redis: what is measured of it."""

from __future__ import annotations

import pytest

from viva.errors import StageUnavailable
from viva.service.metrics import ServiceMetrics
from viva_orchestrator.state import RedisMetrics, connect, redis_call


def counted(metrics: ServiceMetrics, operation: str, outcome: str) -> float | None:
    labels = {"operation": operation, "outcome": outcome}
    return metrics.registry.get_sample_value("viva_redis_seconds_count", labels)


async def test_calls_are_timed_by_command(redis_url):
    """A pipeline is one call, and a script that Redis does not know yet is no error."""
    metrics = ServiceMetrics()
    async with connect(redis_url, RedisMetrics(metrics)) as client:
        await client.script_flush()
        await client.set("key", 1)
        await client.hgetall("hash")
        async with client.pipeline(transaction=True) as pipe:
            pipe.get("key")
            pipe.get("other")
            assert await pipe.execute() == [b"1", None]
        script = client.register_script("return 7")
        assert [await script(), await script()] == [7, 7]
    assert [counted(metrics, name, "ok") for name in ("set", "hgetall", "pipeline", "evalsha")] == [1, 1, 1, 2]
    assert counted(metrics, "evalsha", "no_script") == 1
    assert counted(metrics, "evalsha", "error") is None


async def test_a_redis_that_is_away_is_an_error(own_redis_server):
    """It is counted as one, and raised as ours."""
    metrics = ServiceMetrics()
    async with connect(own_redis_server.url, RedisMetrics(metrics)) as client:
        await client.ping()
        own_redis_server.stop()
        with pytest.raises(StageUnavailable):
            async with redis_call():
                await client.get("key")
    assert (counted(metrics, "ping", "ok"), counted(metrics, "get", "error")) == (1, 1)
