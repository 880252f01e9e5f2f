"""The same upload twice is one lecture: Idempotency-Key, kept in Redis for a day.

    viva:upload-key:{hash of the key}   the SHA-256 of the recording and the id of its lecture

Nobody waits for the replica that was first: whoever has the same recording under the same key stores the same things
under the same id, as often as it likes.
"""

from __future__ import annotations

import hashlib

import redis.asyncio as redis

from viva.errors import Conflict
from viva_orchestrator.lectures.model import new_lecture_id
from viva_orchestrator.state import redis_call

KEPT_S = 24 * 3600

_REPLACE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end"


class UploadKeys:
    """Which lecture an Idempotency-Key stands for. Methods raise `StageUnavailable("redis")`."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._replace = client.register_script(_REPLACE)

    async def claim(self, key: str, sha256: str) -> str:
        """The id for the recording under this key, the same on every replica, whether its lecture is there yet or not.

        Raises `Conflict` when another recording came under this key.
        """
        name = _name(key)
        async with redis_call():
            await self._client.set(name, f"{sha256} {new_lecture_id()}", nx=True, ex=KEPT_S)
            held = await self._client.get(name)
        held_sha256, lecture_id = held.decode().split()
        if held_sha256 != sha256:
            raise Conflict(
                "This Idempotency-Key was used for another recording; take a new key for each recording.",
                code="idempotency_key_reused",
            )
        return lecture_id

    async def renew(self, key: str, sha256: str, lecture_id: str) -> str:
        """Another id, since the lecture `lecture_id` is no more, unless somebody has taken another already."""
        old, new = (f"{sha256} {each}" for each in (lecture_id, new_lecture_id()))
        async with redis_call():
            await self._replace(keys=[_name(key)], args=[old, new, KEPT_S])
        return await self.claim(key, sha256)


def _name(key: str) -> str:
    return f"viva:upload-key:{hashlib.sha256(key.encode()).hexdigest()}"
