"""One replica as far as lectures go: in this process, or as a process of its own that can be killed and paused."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from viva.audio import Decoder
from viva.service.errors import install_error_handlers
from viva.service.upstream import Upstream, client_session
from viva_orchestrator.lectures import Lectures, LectureSettings
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.routes.lectures import router
from viva_orchestrator.state import connect


@dataclass(frozen=True)
class Replica:
    """What tests reach into: its lectures, a client of its routes, its Redis, its metrics."""

    lectures: Lectures
    http: httpx.AsyncClient
    redis: Redis
    objects: ObjectStore
    registry: CollectorRegistry
    stopping: asyncio.Event


@asynccontextmanager
async def run_replica(redis_url: str, asr_url: str, settings: LectureSettings) -> AsyncIterator[Replica]:
    """A replica that is closed as a rolling restart would close it."""
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(client_session())
        redis = await stack.enter_async_context(connect(redis_url))
        decoder = await stack.enter_async_context(Decoder())
        objects = ObjectStore.open(settings.object_store_url, s3_endpoint=settings.s3_endpoint, registry=registry)
        lectures = Lectures(redis, objects, Upstream("asr", asr_url, session), decoder, settings, registry=registry)
        await lectures.start()
        stack.push_async_callback(lectures.close)
        app = FastAPI()
        app.state.lectures = lectures
        app.state.stopping = asyncio.Event()
        install_error_handlers(app)
        app.include_router(router)
        transport = httpx.ASGITransport(app)
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://replica.test"))
        yield Replica(lectures, http, redis, objects, registry, app.state.stopping)


class ReplicaProcess:
    """A replica that only transcribes, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, redis_url: str, asr_url: str, settings: LectureSettings) -> ReplicaProcess:
        """Start it; it takes work as soon as it can."""
        arguments = [redis_url, asr_url, settings.model_dump_json()]
        path = ":".join(filter(None, sys.path))
        process = await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, env={"PYTHONPATH": path})
        return cls(process)

    def pause(self) -> None:
        """Stop it in the middle of whatever it does."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was paused."""
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """End it without a chance to say goodbye."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def _main() -> None:
    redis_url, asr_url, settings = sys.argv[1:]
    async with run_replica(redis_url, asr_url, LectureSettings.model_validate_json(settings)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
