"""k8s/redis-restore.yaml: a backup of one Redis, put into the folder of another that keeps an append-only file."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from viva.stack.redis import find_server

PATIENCE_S = 60.0


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """A PATH on which the programs of the Redis image are."""
    folder = tmp_path / "bin"
    folder.mkdir()
    server = find_server()
    for name in ("redis-server", "redis-check-rdb"):
        (folder / name).symlink_to(Path(server).resolve())
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}


@contextmanager
def server(folder: Path, environ: dict[str, str]) -> Iterator[redis.Redis]:
    """A Redis as the chart configures it: an append-only file and no snapshots."""
    folder.mkdir(exist_ok=True)
    socket = folder / "s"
    options = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--appendonly", "yes", "--save", ""]
    options += ["--repl-diskless-sync-delay", "0"]  # a backup waits 5 s for others by default
    process = subprocess.Popen(["redis-server", *options], env=environ, stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(socket))
    try:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                client.ping()
                break
            except redis.RedisError:
                assert time.monotonic() < until
                time.sleep(0.05)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
def script(documents, tmp_path: Path) -> Path:
    """The script as the pod has it."""
    config, _ = documents("redis-restore.yaml")
    path = tmp_path / "restore"
    path.write_text(config["data"]["restore"])
    return path


def restore(script: Path, folder: Path, saved: bytes, environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", script, folder], input=saved, env=environ, capture_output=True, check=False)


def backup(folder: Path, environ: dict[str, str]) -> bytes:
    """What the command in docs/operations.md prints."""
    command = ["redis-cli", "-s", folder / "s", "--rdb", "-"]
    return subprocess.run(command, env=environ, capture_output=True, check=True).stdout


def test_a_backup_is_what_redis_has_after_it(script, programs, tmp_path):
    """What was written later is gone, what was there is back, and the append-only file has it."""
    data = tmp_path / "data"
    with server(data, programs) as client:
        client.rpush("session", "question", "answer")
        saved = backup(data, programs)
        client.set("later", "x")
    done = restore(script, data, saved, programs)
    assert done.returncode == 0, done.stderr
    assert b"Restored 1 keys." in done.stdout
    with server(data, programs) as client:
        assert client.keys() == [b"session"]
        assert client.lrange("session", 0, -1) == [b"question", b"answer"]
    assert (data / "appendonlydir.before").is_dir()
    assert not (data / "restore.rdb").exists()


def test_a_backup_cut_short_changes_nothing(script, programs, tmp_path):
    """A broken connection during the upload is noticed before what is there is put aside."""
    data = tmp_path / "data"
    with server(data, programs) as client:
        client.set("kept", "x" * 10_000)
        saved = backup(data, programs)
    # What comes over a pipe has a mark of 40 bytes behind it.
    for wrong in (saved[:-50], b"", b"not a backup"):
        done = restore(script, data, wrong, programs)
        assert done.returncode == 1
        assert done.stderr == b"That is not a whole backup (RDB). Nothing was changed.\n"
    with server(data, programs) as client:
        assert client.get("kept") == b"x" * 10_000


def test_a_backup_that_redis_cannot_load_changes_nothing(script, programs, tmp_path):
    """It passes the check and yet the server ends: then what was put aside comes back."""
    data = tmp_path / "data"
    with server(data, programs) as client:
        client.set("kept", "x")
        saved = backup(data, programs)
    stub = tmp_path / "broken"
    stub.mkdir()
    (stub / "redis-server").write_text("#!/bin/sh\necho Out of memory\nexit 1\n")
    (stub / "redis-server").chmod(0o755)
    done = restore(script, data, saved, {**programs, "PATH": f"{stub}:{programs['PATH']}"})
    assert done.returncode == 1
    assert done.stderr == b"Out of memory\nThis Redis cannot read the backup. Nothing was changed.\n"
    with server(data, programs) as client:
        assert client.get("kept") == b"x"


def test_the_pod_writes_to_the_volume_of_redis_as_its_user(documents, defaults):
    """The claim of the StatefulSet's only pod, the same image, user and group."""
    _, pod = documents("redis-restore.yaml")
    (container,) = pod["spec"]["containers"]
    image = defaults["redis"]["image"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == "data-viva-redis-0"
    context = {name: defaults["podSecurityContext"][name] for name in ("runAsUser", "runAsGroup", "fsGroup")}
    assert context.items() <= pod["spec"]["securityContext"].items()
