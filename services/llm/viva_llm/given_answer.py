"""One answer as the service gives it: from the first route that begins, to its end, with deadlines."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import structlog

from viva.service.tracing import current_span
from viva_llm.answer import Delta, Usage
from viva_llm.attempts import Attempts, as_failure
from viva_llm.chat import Asked
from viva_llm.failure import Failure, Reason, as_cut_error
from viva_llm.metrics import LLMMetrics
from viva_llm.patience import Patience
from viva_llm.replica import Replica
from viva_llm.route import Route


class GivenAnswer:
    """An answer under way. `start` finds who gives it; iterating yields its deltas; `aclose` ends all work for it."""

    def __init__(self, routes: tuple[Route, ...], key: str, asked: Asked, metrics: LLMMetrics) -> None:
        self._routes = routes
        self._key = key
        self._asked = asked
        self._metrics = metrics
        self._log = structlog.get_logger()
        self._stream: AsyncGenerator[Delta] | None = None
        self._first: Delta | None = None
        self._outcome = "left"
        self._pieces = 0
        self._usage: Usage | None = None
        self._first_at = 0.0
        self._wrote_s = 0.0  # from the first token to the end, of an answer that came to its end
        self._route: Route | None = None
        self._replica: Replica | None = None
        self._release: Callable[[], None] | None = None
        self.model = ""
        """The model that answers."""

    @property
    def backend(self) -> str:
        """The name of the backend that answers."""
        return self._route.backend.name

    @property
    def degraded(self) -> str | None:
        """ "llm:<backend>" when the first route did not answer."""
        return None if self._route is self._routes[0] else f"llm:{self.backend}"

    async def start(self) -> None:
        """Waits for the first token of the first route that gives one. Raises VivaError when none does."""
        success = await Attempts(self._routes, self._key, self._metrics).until_one(self._begin)
        self._route, self._replica, self._release = success.route, success.replica, success.release
        self._stream, self._first, self.model = success.result
        success.replica.health.began(success.seconds)
        self._metrics.first_token.labels(self.backend).observe(success.seconds)
        self._first_at = time.monotonic()
        span = current_span()
        span.event("first_token")
        span.set(backend=self.backend, model=self.model, degraded=self.degraded)
        if self.degraded:
            self._metrics.fallbacks.labels(self.backend).inc()

    async def _begin(self, route: Route, replica: Replica) -> tuple[AsyncGenerator[Delta], Delta, str]:
        """The stream, its first token and the model's name. Raises Failure."""
        if not route.backend.chats:
            raise Failure(Reason.NOT_SUPPORTED, "it makes embeddings and answers nothing")
        if self._asked.has_audio and not route.backend.hears:
            raise Failure(Reason.CANNOT_HEAR, "it understands no audio")
        if self._asked.is_prompt and not route.backend.completes:
            raise Failure(Reason.NOT_SUPPORTED, "it goes on with no bare texts")
        model = await replica.model_for(route.model)
        stream = replica.engine.stream(self._asked, model)
        try:
            return stream, await _first_token(stream), model
        except BaseException:
            await stream.aclose()
            raise

    async def __aiter__(self) -> AsyncIterator[Delta]:
        """The deltas from the first token on. Raises VivaError when the answer is cut short."""
        finished = self._noted(self._first)
        chunk_s = self._route.deadlines.chunk_s
        try:
            yield self._first
            with Patience(chunk_s) as patience:
                async for delta in self._stream:
                    patience.rest()
                    finished = self._noted(delta) or finished
                    yield delta
                    patience.wait()
            if not finished:
                raise Failure(Reason.BAD_STREAM, "the stream ended without its finish mark")
            self._outcome, self._wrote_s = "ok", time.monotonic() - self._first_at
            self._replica.health.answered()
        except Exception as error:
            failure = as_failure(error, f"nothing for {chunk_s:g} s in the middle of an answer")
            self._outcome = "cut"
            self._replica.health.failed(failure)
            self._log.warning(
                "answer cut short",
                backend=self.backend,
                replica=self._replica.name,
                reason=failure.reason,
                said=failure.said,
            )
            raise as_cut_error(failure) from error

    def _noted(self, delta: Delta) -> bool:
        """Whether the answer is finished with this delta."""
        if delta.text:
            self._pieces += 1
        if delta.usage is not None:
            self._usage = delta.usage
        return delta.finish_reason is not None

    async def aclose(self) -> None:
        """Ends the work for this answer, wherever it is. Safe to call at any time, also twice."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        try:
            await stream.aclose()
        finally:
            self._release()
        self._metrics.answers.labels(self.backend, self._outcome).inc()
        usage = self._usage or Usage(0, self._pieces)
        for kind, count in (
            ("prompt", usage.prompt_tokens),
            ("cached", usage.cached_tokens or 0),
            ("completion", usage.completion_tokens),
        ):
            self._metrics.tokens.labels(self.backend, kind).inc(count)
        if self._wrote_s > 0 and usage.completion_tokens > 1:
            rate = (usage.completion_tokens - 1) / self._wrote_s
            self._metrics.tokens_per_second.labels(self.backend).observe(rate)


async def _first_token(stream: AsyncGenerator[Delta]) -> Delta:
    async for delta in stream:
        # A model may spend the client's whole token budget on thoughts: finished, though it said nothing.
        if delta.text or delta.finish_reason == "length":
            return delta
        if delta.finish_reason:
            raise Failure(Reason.EMPTY, "the model finished without saying anything")
    raise Failure(Reason.BAD_STREAM, "the stream ended before its first token")
