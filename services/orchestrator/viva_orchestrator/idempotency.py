"""The same request twice is one turn: Idempotency-Key, kept in Redis for a day.

The first request with a key runs the turn; the same request again, also on another replica and also while the first one
is still being answered, gets the same answer. Another question under the same key is refused.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace

import orjson
import structlog
from redis.asyncio import Redis

from viva.errors import Conflict, InvalidRequest, StageUnavailable, VivaError
from viva.events import AnswerDelta, Audio, Done, Event, Transcript, decode, encode
from viva.text import split_sentences
from viva.text.speakable import speakable
from viva_orchestrator.question import Question
from viva_orchestrator.stages import Stages
from viva_orchestrator.state import redis_call
from viva_orchestrator.turns import Turns

KEPT_S = 24 * 3600
LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Claim:
    """A key of one caller, and what was asked under it, as hashes."""

    name: str
    asked: str

    @classmethod
    def of(cls, key: str, question: Question) -> Claim:
        """The claim of a question. Keys of different sessions have nothing to do with each other."""
        asked = hashlib.sha256()
        for part in (
            question.text,
            question.audio,
            question.lecture_id,
            question.voice,
            question.audio_format,
        ):
            data = part if isinstance(part, bytes) else repr(part).encode()
            asked.update(len(data).to_bytes(8, "big") + data)
        name = hashlib.sha256(f"{question.session_id}\n{key}".encode()).hexdigest()
        return cls(name, asked.hexdigest())

    @property
    def turn_id(self) -> str:
        """The id of its turn, whoever runs it: a turn that was committed is not committed again."""
        return f"turn_{self.name[:24]}"


class Idempotency:
    """Claims in Redis. Methods raise StageUnavailable("redis") when it is gone."""

    def __init__(self, redis: Redis, *, longest_turn_s: float) -> None:
        self._redis = redis
        # A replica that dies in the middle of a turn leaves its claim behind for so long.
        self._running_s = int(longest_turn_s) + 5

    async def begin(self, claim: Claim) -> Done | None:
        """None when the caller is to run the turn; its `done` when it has been run; waits while it is being run.

        Raises Conflict when something else was asked under this key, or the turn that runs does not end.
        """
        mine = orjson.dumps({"asked": claim.asked})
        give_up_at = asyncio.get_running_loop().time() + self._running_s
        while asyncio.get_running_loop().time() < give_up_at:
            async with redis_call():
                if await self._redis.set(_key(claim), mine, nx=True, ex=self._running_s):
                    return None
                found = await self._redis.get(_key(claim))
            if found is None:
                continue  # let go just now
            held = orjson.loads(found)
            if held["asked"] != claim.asked:
                raise Conflict(
                    "This Idempotency-Key was used for another question; take a new key for each question.",
                    code="idempotency_key_reused",
                )
            if "done" in held:
                return decode(held["done"])
            await asyncio.sleep(LOOK_EVERY_S)
        raise Conflict("The same question is still being answered.", code="turn_in_progress")

    async def finish(self, claim: Claim, done: Done) -> None:
        """Keeps what the turn ended with."""
        held = orjson.dumps({"asked": claim.asked, "done": encode(done).decode()})
        async with redis_call():
            await self._redis.set(_key(claim), held, ex=KEPT_S)

    async def abandon(self, claim: Claim) -> None:
        """Lets the next request with this key run the turn: this one failed, or its client left."""
        async with redis_call():
            await self._redis.delete(_key(claim))


def _key(claim: Claim) -> str:
    return f"viva:once:{claim.name}"


async def run_once(
    turns: Turns, idempotency: Idempotency, stages: Stages, question: Question, key: str, *, transport: str
) -> AsyncIterator[Event]:
    """The events of a turn that runs once for its key; asked again, the same answer is said again.

    Without Redis the turn runs all the same: an answer twice is better than none. Raises as Turns.run and `begin` do.
    """
    claim = Claim.of(key, question)
    try:
        before = await idempotency.begin(claim)
    except StageUnavailable:
        structlog.get_logger().warning("idempotency not checked")
        before = None
    if before is not None:
        async for event in _said_again(before, question, stages):
            yield event
        return
    finished = False
    try:
        async with aclosing(turns.run(replace(question, turn_id=claim.turn_id), transport=transport)) as turn:
            async for event in turn:
                if isinstance(event, Done):
                    finished = await _kept(idempotency, claim, event)
                yield event
    finally:
        if not finished:
            await _let_go(idempotency, claim)


async def _said_again(done: Done, question: Question, stages: Stages) -> AsyncIterator[Event]:
    yield Transcript(done.question)
    yield AnswerDelta(done.answer)
    speaking = question.audio_format is not None and "tts:text_only" not in (done.degraded or "")
    seq = 0
    for sentence in split_sentences(done.answer) if speaking else ():
        try:
            audio = await stages.speak(speakable(sentence), voice=question.voice, audio_format=question.audio_format)
        except InvalidRequest:
            continue  # nothing in it that can be said
        except VivaError as error:
            structlog.get_logger().warning("speech failed", code=error.code, turn_id=done.turn_id)
            done = replace(done, degraded=",".join(filter(None, (done.degraded, "tts:text_only"))))
            break
        yield Audio(seq, question.audio_format, base64.b64encode(audio).decode("ascii"), sentence)
        seq += 1
    yield done


async def _kept(idempotency: Idempotency, claim: Claim, done: Done) -> bool:
    try:
        await idempotency.finish(claim, done)
    except StageUnavailable:
        return False
    return True


async def _let_go(idempotency: Idempotency, claim: Claim) -> None:
    try:
        await idempotency.abandon(claim)
    except StageUnavailable:
        structlog.get_logger().warning("idempotency key not released; it expires by itself")
