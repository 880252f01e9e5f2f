"""What the orchestrator's tests stand on: a real redis-server, an asr stage that does as told, replicas, recordings."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
import redis.asyncio as redis
from moto.server import ThreadedMotoServer

from viva.audio.wav import wav_bytes
from viva.stack.ports import free_ports
from viva_orchestrator.lectures import LectureSettings

from .recogniser_server import RecogniserServer
from .replica import Replica, ReplicaProcess, run_replica
from .running_app import app, client, servers  # noqa: F401 - fixtures
from .running_turns import parts, system, turns  # noqa: F401 - fixtures
from .s3_server import empty_bucket

RATE_HZ = 16_000


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("VIVA_", "AWS_"))]:
        monkeypatch.delenv(name)


class RedisServer:
    """A redis-server process, to be stopped and started on the same port; what a `durable` one acknowledged stays."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder = folder
        # Each write waits for the disk then, which may be busy with anything.
        self._keeping = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_ports(1)[0]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server and return once it answers."""
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("redis-server is not installed: apt-get install redis-server")
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        keeping = [*self._keeping, "--save", ""]
        self._process = subprocess.Popen([program, *arguments, *keeping], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        pytest.fail("redis-server did not start")

    def stop(self) -> None:
        """End the process at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def shared_redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for the whole run; take `redis_url` or `redis_client`, which empty it first."""
    server = RedisServer(tmp_path_factory.mktemp("redis"), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own, to be stopped and started in the middle."""
    folder = tmp_path / "own-redis"
    folder.mkdir()
    server = RedisServer(folder, durable=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis_url(shared_redis_server: RedisServer) -> str:
    """The URL of an empty Redis."""
    async with redis.Redis.from_url(shared_redis_server.url) as connection:
        await connection.flushall()
    return shared_redis_server.url


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncIterator[redis.Redis]:
    """A client of an empty Redis."""
    async with redis.Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of an empty bucket."""
    return {"object_store_url": empty_bucket(s3_server, monkeypatch), "s3_endpoint": s3_server}


@pytest.fixture
async def recogniser() -> AsyncIterator[RecogniserServer]:
    """An asr stage that answers at once until told otherwise."""
    server = RecogniserServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def lecture_settings(tmp_path: Path) -> LectureSettings:
    """Settings with short pieces, a short lease and a folder as object store."""
    return LectureSettings(
        object_store_url=str(tmp_path / "objects"),
        transcribe_piece_s=5,
        transcribe_lease_s=2,
        transcribe_retry_s=30,
    )


@pytest.fixture
async def start_replica(
    redis_url: str, recogniser: RecogniserServer, lecture_settings: LectureSettings
) -> AsyncIterator[Callable[..., Awaitable[Replica]]]:
    """Starts a replica; keyword arguments change its settings. All share one Redis and one object store."""
    async with AsyncExitStack() as stack:

        async def start(*, url: str = redis_url, **changes: object) -> Replica:
            settings = lecture_settings.model_copy(update=changes)
            return await stack.enter_async_context(run_replica(url, recogniser.url, settings))

        yield start


@pytest.fixture
async def start_process(
    redis_url: str, recogniser: RecogniserServer, lecture_settings: LectureSettings
) -> AsyncIterator[Callable[[], Awaitable[ReplicaProcess]]]:
    """Starts a replica as a process of its own, which transcribes one lecture at a time."""
    settings = lecture_settings.model_copy(update={"transcribe_workers": 1})
    processes = []

    async def start() -> ReplicaProcess:
        processes.append(await ReplicaProcess.start(redis_url, recogniser.url, settings))
        return processes[-1]

    yield start
    for process in processes:
        await process.kill()


@pytest.fixture
async def replica(start_replica: Callable[..., Awaitable[Replica]]) -> Replica:
    """A replica that transcribes."""
    return await start_replica()


@pytest.fixture
def make_recording() -> Callable[[float], bytes]:
    """A WAV of so many seconds of noise, another for each length, with a pause of 0.4 s before every third second."""

    def make(seconds: float) -> bytes:
        samples = np.random.default_rng(round(seconds * 1000)).normal(0, 4000, round(seconds * RATE_HZ))
        for pause_s in range(3, round(seconds), 3):
            samples[round((pause_s - 0.4) * RATE_HZ) : pause_s * RATE_HZ] = 0
        return wav_bytes(np.clip(samples, -32768, 32767).astype("<i2").tobytes(), RATE_HZ)

    return make


@pytest.fixture
def until() -> Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]:
    """Waits for something to become true; how long it takes does not matter."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await condition():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(0.02)

    return wait
