"""One answer as the service gives it: from the first backend of the list that begins, to its end, with deadlines."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import structlog

from viva_llm.answer import Delta, Usage
from viva_llm.chat import Chat
from viva_llm.failure import Failure, Reason, as_cut_error, as_error
from viva_llm.member import Member
from viva_llm.metrics import LLMMetrics
from viva_llm.patience import Patience


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait for tokens, in seconds."""

    first_token_s: float
    chunk_s: float


class GivenAnswer:
    """An answer under way. `start` finds the backend; iterating yields its deltas; `aclose` ends all work for it."""

    def __init__(self, members: list[Member], chat: Chat, deadlines: Deadlines, metrics: LLMMetrics) -> None:
        self._members = members
        self._chat = chat
        self._deadlines = deadlines
        self._metrics = metrics
        self._log = structlog.get_logger()
        self._stream: AsyncGenerator[Delta] | None = None
        self._first: Delta | None = None
        self._outcome = "left"
        self._pieces = 0
        self._usage: Usage | None = None
        self.member: Member | None = None

    @property
    def backend(self) -> str:
        """The name of the backend that answers."""
        return self.member.name

    @property
    def model(self) -> str:
        """The model that answers."""
        return self.member.backend.model

    @property
    def degraded(self) -> str | None:
        """"llm:<backend>" when the first backend of the list did not answer."""
        return None if self.member is self._members[0] else f"llm:{self.backend}"

    async def start(self) -> None:
        """Waits for the first token of the first backend that gives one. Raises VivaError when none does."""
        failures = []
        for member in sorted(self._members, key=lambda member: member.health.resting):
            try:
                await self._begin(member)
            except Failure as failure:
                failures.append(failure)
                self._note(member, failure)
                continue
            if self.degraded:
                self._metrics.fallbacks.labels(member.name).inc()
            return
        error = as_error(failures)
        self._metrics.unanswered.labels(error.code).inc()
        raise error

    def _note(self, member: Member, failure: Failure) -> None:
        member.health.failed(failure)
        self._metrics.failures.labels(member.name, failure.reason).inc()
        self._log.warning("backend gave no answer", backend=member.name, reason=failure.reason, said=failure.said)

    async def _begin(self, member: Member) -> None:
        """Takes the backend if it gives a first token in time. Raises Failure."""
        if self._chat.has_audio and not member.backend.hears:
            raise Failure(Reason.CANNOT_HEAR, "it understands no audio")
        started = time.monotonic()
        stream = member.backend.stream(self._chat)
        try:
            async with asyncio.timeout(self._deadlines.first_token_s):
                first = await _first_token(stream)
        except BaseException as error:
            await stream.aclose()
            raise self._as_failure(error, f"no token within {self._deadlines.first_token_s:g} s") from error
        seconds = time.monotonic() - started
        member.health.answered(seconds)
        self._metrics.first_token.labels(member.name).observe(seconds)
        self.member, self._stream, self._first = member, stream, first

    def _as_failure(self, error: BaseException, late: str) -> BaseException:
        """What to raise for what a backend raised: Failure for any error, cancellations as they are."""
        if isinstance(error, Failure) or not isinstance(error, Exception):
            return error
        if isinstance(error, TimeoutError):
            return Failure(Reason.TIMEOUT, late)
        self._log.error("backend raised an unmapped error", exc_info=error)
        return Failure(Reason.BROKEN, "it failed in a way that it should not; the log has the details")

    async def __aiter__(self) -> AsyncIterator[Delta]:
        """The deltas from the first token on. Raises VivaError when the answer is cut short."""
        stream, delta, finished = self._stream, self._first, False
        patience = Patience(self._deadlines.chunk_s)
        try:
            while delta is not None:
                if delta.text:
                    self._pieces += 1
                if delta.finish_reason is not None:
                    finished = True
                if delta.usage is not None:
                    self._usage = delta.usage
                yield delta
                delta = await patience.next_of(stream)
            if not finished:
                raise Failure(Reason.BAD_STREAM, "the stream ended without its finish mark")
            self._outcome = "ok"
        except Exception as error:
            failure = self._as_failure(error, f"nothing for {self._deadlines.chunk_s:g} s in the middle of an answer")
            if not isinstance(failure, Failure):
                raise
            self._outcome = "cut"
            self.member.health.failed(failure)
            self._log.warning("answer cut short", backend=self.backend, reason=failure.reason, said=failure.said)
            raise as_cut_error(failure) from error
        finally:
            patience.close()

    async def aclose(self) -> None:
        """Ends the work for this answer, wherever it is. Safe to call at any time, also twice."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        await stream.aclose()
        self._metrics.answers.labels(self.backend, self._outcome).inc()
        usage = self._usage or Usage(0, self._pieces)
        for kind, count in (
            ("prompt", usage.prompt_tokens),
            ("cached", usage.cached_tokens or 0),
            ("completion", usage.completion_tokens),
        ):
            self._metrics.tokens.labels(self.backend, kind).inc(count)


async def _first_token(stream: AsyncGenerator[Delta]) -> Delta:
    async for delta in stream:
        # A model may spend the client's whole token budget on thoughts: finished, though it said nothing.
        if delta.text or delta.finish_reason == "length":
            return delta
        if delta.finish_reason:
            raise Failure(Reason.EMPTY, "the model finished without saying anything")
    raise Failure(Reason.BAD_STREAM, "the stream ended before its first token")
