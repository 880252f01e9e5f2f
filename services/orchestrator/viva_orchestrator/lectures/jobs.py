"""The queue of transcriptions: each is leased to one worker at a time, and taken over when its worker falls silent.

A sorted set holds the lectures to transcribe by the time (of the Redis server, in milliseconds) at which each may be
taken: the time it was queued, or the end of its lease. Taking one writes a fresh random `owner` into its record, and
everything a worker writes is checked against it inside Redis. So a worker that was paused and wakes up after its
lease ran out finds that nothing it says counts any more. Why not a stream with a consumer group:
docs/decisions/0002-lectures.md.
"""

from __future__ import annotations

import secrets

import orjson
import redis.asyncio as redis

from viva_orchestrator.lectures.records import QUEUE, RECORD, cuts_key, pieces_key, record_key
from viva_orchestrator.state import redis_call

_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

# KEYS: queue. ARGV: prefix of records, owner, lease in ms. Returns {lecture id, attempts} or nothing.
_TAKE = (
    _NOW
    + """
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 20)) do
    local record = ARGV[1] .. id
    local status = redis.call('HGET', record, 'status')
    if status == 'queued' or status == 'transcribing' then
        redis.call('ZADD', KEYS[1], now + ARGV[3], id)
        redis.call('HSET', record, 'owner', ARGV[2], 'status', 'transcribing')
        return {id, redis.call('HINCRBY', record, 'attempts', 1)}
    end
    redis.call('ZREM', KEYS[1], id)
end
"""
)

# KEYS: record, queue. ARGV: owner, lecture id, lease in ms, commands. Returns 1, or 0 when the lease is lost.
_WRITE = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('ZADD', KEYS[2], 'XX', now + ARGV[3], ARGV[2])
for _, command in ipairs(cjson.decode(ARGV[4])) do redis.call(unpack(command)) end
return 1
"""
)


class LeaseLost(Exception):
    """Another worker has taken the lecture over, or it was deleted: stop, and write nothing."""


class Lease:
    """The right to write the transcription of one lecture. Every write extends it."""

    def __init__(
        self, client: redis.Redis, write: object, lecture_id: str, owner: str, attempts: int, lease_ms: int
    ) -> None:
        self._client = client
        self._write = write
        self._owner = owner
        self._lease_ms = lease_ms
        self.lecture_id = lecture_id
        self.attempts = attempts

    async def write(self, *commands: tuple[str, ...], lease_ms: int | None = None) -> None:
        """Run Redis commands together if the lease still holds, none of them if not. Raises `LeaseLost`."""
        keys = [record_key(self.lecture_id), QUEUE]
        lease_ms = self._lease_ms if lease_ms is None else lease_ms
        async with redis_call():
            held = await self._write(keys=keys, args=[self._owner, self.lecture_id, lease_ms, orjson.dumps(commands)])
        if not held:
            raise LeaseLost

    async def plan(self) -> tuple[list[int], set[int]]:
        """What has been done so far: the sample at which each piece ends, and the numbers of finished pieces."""
        async with redis_call():
            cuts = await self._client.lrange(cuts_key(self.lecture_id), 0, -1)
            done = await self._client.hkeys(pieces_key(self.lecture_id))
        return [int(cut) for cut in cuts], {int(number) for number in done}

    async def give_back(self) -> None:
        """Let another worker take the lecture at once; this one did nothing wrong, so it is no failed attempt."""
        record = record_key(self.lecture_id)
        await self.write(("HDEL", record, "owner"), ("HINCRBY", record, "attempts", "-1"), lease_ms=0)


class Jobs:
    """Leases lectures to the workers of all replicas."""

    def __init__(self, client: redis.Redis, *, lease_s: float) -> None:
        self._client = client
        self._lease_ms = int(lease_s * 1000)
        self._take = client.register_script(_TAKE)
        self._write = client.register_script(_WRITE)

    async def take(self) -> Lease | None:
        """The lecture that has waited longest, or None when there is none to do."""
        owner = secrets.token_hex(16)
        async with redis_call():
            taken = await self._take(keys=[QUEUE], args=[RECORD, owner, self._lease_ms])
        if taken is None:
            return None
        lecture_id, attempts = taken
        return Lease(self._client, self._write, lecture_id.decode(), owner, int(attempts), self._lease_ms)
