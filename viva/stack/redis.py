"""The stack's own redis-server: an append-only file in the data folder, loopback only."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from viva.errors import EngineUnavailable
from viva.stack.ports import LOOPBACK

_PATIENCE_S = 1.0
_OLDEST = (6, 2)  # the orchestrator uses GETEX


class RedisTooOld(EngineUnavailable):
    """The redis-server of this machine lacks commands that Viva uses."""

    default_code = "redis_too_old"


def find_server() -> str:
    """The path of redis-server. Raises EngineUnavailable where there is none.

    The environment's own folder is searched too: the bootstrap puts one there where only redis-tools is installed.
    """
    found = shutil.which("redis-server") or shutil.which("redis-server", path=str(Path(sys.executable).parent))
    if found is None:
        raise EngineUnavailable(
            "redis-server is not installed: "
            "apt-get install redis-server (Debian, Ubuntu) or brew install redis (macOS)."
        )
    return found


def require_recent(server: str) -> None:
    """Raises RedisTooOld when `server` says that it is older than Viva needs; one that says nothing is let through."""
    said = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\bv=((\d+)\.(\d+)\S*)", said)
    if found and (int(found[2]), int(found[3])) < _OLDEST:
        raise RedisTooOld(
            f"{server} is version {found[1]}, and Viva needs {_OLDEST[0]}.{_OLDEST[1]} or later. Install a newer one "
            "(packages.redis.io has them for Debian and Ubuntu), or name another Redis with VIVA_REDIS_URL."
        )


def command(folder: Path, port: int) -> list[str]:
    """The command line. Raises EngineUnavailable when there is no redis-server, or only one that is too old.

    A write is on the disk before it is acknowledged. With `everysec` Redis may hold a write back while the disk is
    busy, and a question whose `done` was seen would be gone if Redis were killed just then; `always` costs 1 to 3 ms
    a write.
    """
    options = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": str(folder.resolve()),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
    }
    server = find_server()
    require_recent(server)
    return [server, *(word for name, value in options.items() for word in (f"--{name}", value))]


def answers(port: int) -> bool:
    """Whether the server has read its file and takes commands."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_PATIENCE_S) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
