"""Uploads that do not pass through POST /v1/lectures: a URL for one PUT, to the bucket or to this service.

viva:upload:{key}   the token that a PUT to this service must show; gone after the first that does
viva:uploads        sorted set of object keys by the Unix time at which they are swept away
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis.asyncio as redis

from viva.errors import InvalidRequest, NotFound, TooLarge
from viva_orchestrator.lectures.model import is_lecture_id, new_lecture_id
from viva_orchestrator.lectures.spool import spooling, temporary_folder
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.state import redis_call

FOLDER = "uploads/"
PENDING = "viva:uploads"

# A PUT that began in time may end late, and the client then still has to name it: keep what was uploaded for a day.
SWEEP_AFTER_S = 24 * 3600

_SPEND = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """Where to PUT a recording, once, before `expires_at` (Unix time)."""

    object_key: str
    url: str
    expires_at: float


class Uploads:
    """Hands out upload URLs, takes local uploads, and clears away what was never used."""

    def __init__(
        self,
        client: redis.Redis,
        objects: ObjectStore,
        *,
        expires_s: float,
        max_bytes: int,
        temp_dir: Path | None,
    ) -> None:
        self._client = client
        self._objects = objects
        self._expires_s = expires_s
        self._max_bytes = max_bytes
        self._temp_dir = temp_dir
        self._spend = client.register_script(_SPEND)

    async def ticket(self, base_url: str) -> UploadTicket:
        """A URL in the bucket, or below `base_url` (of PUT /v1/lectures/uploads/{key}) where the store is a folder."""
        name = new_lecture_id()
        object_key = FOLDER + name
        expires_at = time.time() + self._expires_s
        url = await self._objects.presigned_put(object_key, self._expires_s)
        async with redis_call():
            await self._client.zadd(PENDING, {object_key: expires_at + SWEEP_AFTER_S})
            if url is None:
                token = secrets.token_urlsafe(32)
                url = f"{base_url.rstrip('/')}/{quote(name)}?token={token}"
                await self._client.set(f"viva:upload:{name}", token, px=int(self._expires_s * 1000))
        return UploadTicket(object_key, url, expires_at)

    async def receive(self, name: str, token: str, body: AsyncIterator[bytes]) -> int:
        """Store the body of a local PUT and return its bytes.

        Raises `NotFound` for a token that is wrong, spent or expired, and `TooLarge` beyond the limit.
        """
        if not is_lecture_id(name) or not await self._spent(name, token):
            raise NotFound("This upload URL is wrong, was used already, or has expired.", param="token")
        async with temporary_folder(self._temp_dir) as folder:
            path = folder / "upload"
            async with spooling(path) as file:
                async for block in limited(body, self._max_bytes):
                    await file.write(block)
                await file.close()
            await self._objects.put_file(FOLDER + name, path)
            return file.written

    async def fetch(self, object_key: str, path: Path) -> None:
        """Write what was uploaded under `object_key` to `path`. Raises `NotFound` and `TooLarge`."""
        size = await self.size(object_key)
        if size > self._max_bytes:
            await self.discard(object_key)
            raise too_large(self._max_bytes)
        async with spooling(path) as file:
            async for block in self._objects.stream(object_key):
                await file.write(block)
            await file.close()

    async def size(self, object_key: str) -> int:
        """The bytes uploaded under `object_key`. Raises `InvalidRequest` for a key that is not ours, and `NotFound`."""
        if not is_upload_key(object_key):
            raise InvalidRequest("object_key is not one that an upload was given.", param="object_key")
        try:
            return await self._objects.size(object_key)
        except NotFound as error:
            raise NotFound("Nothing has been uploaded under this object_key.", param="object_key") from error

    async def discard(self, object_key: str) -> None:
        """Delete an upload and forget it."""
        await self._objects.delete(object_key)
        async with redis_call():
            await self._client.zrem(PENDING, object_key)

    async def sweep(self) -> None:
        """Delete a few of the uploads that were never made a lecture in time."""
        async with redis_call():
            stale = await self._client.zrangebyscore(PENDING, "-inf", time.time(), start=0, num=100)
        for object_key in stale:
            await self.discard(object_key.decode())

    async def _spent(self, name: str, token: str) -> bool:
        async with redis_call():
            return bool(await self._spend(keys=[f"viva:upload:{name}"], args=[token]))


def is_upload_key(object_key: str) -> bool:
    """Whether this is a key that a ticket could have named."""
    return object_key.startswith(FOLDER) and is_lecture_id(object_key.removeprefix(FOLDER))


async def limited(body: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    """The same blocks; raises `TooLarge` once there are more than `max_bytes`."""
    taken = 0
    async for block in body:
        taken += len(block)
        if taken > max_bytes:
            raise too_large(max_bytes)
        yield block


def too_large(max_bytes: int) -> TooLarge:
    """The error for a recording of more than `max_bytes`."""
    return TooLarge(f"A recording may have at most {max_bytes:,} bytes.")
