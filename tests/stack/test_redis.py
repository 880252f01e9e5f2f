"""The stack's own redis-server: which one is taken."""

from pathlib import Path

import pytest

from viva.stack import redis


def server_saying(folder: Path, text: str) -> str:
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)
    return str(program)


def test_an_old_server_is_refused_with_what_to_do(tmp_path, monkeypatch):
    """Before anything starts: which one it is, what is needed, and the ways out."""
    server_saying(tmp_path, "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=a3fdef44459b3ad6")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(redis.RedisTooOld, match=r"version 6\.0\.16, and Viva needs 6\.2 .*VIVA_REDIS_URL"):
        redis.command(tmp_path, 6379)


@pytest.mark.parametrize("text", ["Redis server v=6.2.0 sha=0", "Valkey server v=10.1.3 sha=0", "something else"])
def test_a_recent_server_is_taken(tmp_path, text):
    """The version is compared by numbers; a server that does not say it may be right."""
    redis.require_recent(server_saying(tmp_path, text))
