"""Traces: what a service notes of a piece of work while it is done, and passes on to whoever does a part of it.

    with span.stage("tts", characters=80) as speaking:   # current_span() from here to the end of the block
        ...                                              # requests to other services go into the same trace
        speaking.event("first_byte")

Nothing is traced unless an address is set to send traces to: then a Span is this file's, whose methods do nothing, and
OpenTelemetry's SDK is not even imported (otlp.py does that).
"""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING

from starlette.types import Scope

from viva.errors import EngineUnavailable

if TYPE_CHECKING:
    from viva.service.metrics import ServiceMetrics
    from viva.service.settings import ServiceSettings

Attribute = str | int | float | bool


class Span:
    """A stretch of work that is not traced. Attributes are named `viva.<name>` where they are."""

    __slots__ = ()
    ids: tuple[str, str] | None = None
    """Trace and span, in hexadecimal; None where nothing is sent anywhere."""

    def stage(self, name: str, **_attributes: Attribute) -> Span:
        """A part of this work, to be used in a `with` statement, which begins and ends it."""
        return self

    def active(self) -> Span:
        """For a `with` statement: this is the current span in its block, and goes on after it."""
        return self

    def set(self, **_attributes: Attribute | None) -> None:
        """Notes attributes; those that are None are left out."""

    def event(self, _name: str, **_attributes: Attribute) -> None:
        """Notes that something happened just now."""

    def rename(self, _name: str) -> None:
        """Gives it the name that only its end could tell."""

    def end(self) -> None:
        """The work is over. For a span that is not used in a `with` statement."""

    def headers(self) -> dict[str, str]:
        """What makes the work of another service a part of this (W3C Trace Context)."""
        return {}

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        return None


NOT_TRACED = Span()

CURRENT: ContextVar[Span] = ContextVar("viva_span", default=NOT_TRACED)


def current_span() -> Span:
    """The span that this task works in."""
    return CURRENT.get()


def trace_headers() -> dict[str, str]:
    """The headers to send with a request, so that what it causes is a part of the current span; often none."""
    return CURRENT.get().headers()


class Tracer:
    """Begins spans that have no span of this process above them; this one begins none."""

    enabled = False

    def begin(self, _name: str, **_attributes: Attribute) -> Span:
        """A span within the current one, or a trace of its own. End it, or use it in a `with` statement."""
        return NOT_TRACED

    def request(self, _scope: Scope) -> Span:
        """The span of a request that this service answers."""
        return NOT_TRACED

    def start(self, _metrics: ServiceMetrics) -> None:
        """Begins to send."""

    async def close(self) -> None:
        """Sends what is left, as far as that is possible at once."""


NO_TRACER = Tracer()


def tracer_of(
    service: str, settings: ServiceSettings, *, continues_only: bool = False, trusts_callers: bool = True
) -> Tracer:
    """What the settings ask for. Raises EngineUnavailable when traces are to be sent and the packages are not there.

    `continues_only`: requests that bring no trace begin none, since what they cause has a root of its own.
    `trusts_callers`: a request becomes a part of the trace that it brings, and is sampled when its caller says so.
    """
    if not settings.otlp_endpoint and not settings.otel_exporter_otlp_endpoint:
        return NO_TRACER
    try:
        from viva.service.otlp import OTLPTracer
    except ImportError as error:
        raise EngineUnavailable(
            "Traces are to be sent (VIVA_OTLP_ENDPOINT), but OpenTelemetry is not installed: "
            'pip install "viva-lectures[traces]".'
        ) from error
    return OTLPTracer(service, settings.otlp_endpoint, continues_only=continues_only, trusts_callers=trusts_callers)
