"""Structured logs: JSON lines in containers, readable lines on a terminal, a request id in both."""

import json
import logging
import sys
from collections.abc import Callable

import orjson
import structlog

from viva.service.settings import ServiceSettings
from viva.service.tracing import current_span


def configure_logging(service: str, settings: ServiceSettings) -> None:
    """Sends structlog and the standard library's loggers (uvicorn, asyncio) through one formatter to stderr."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared = [
        structlog.contextvars.merge_contextvars,
        _trace_ids,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _service_name(service),
    ]
    last = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    _leave_out_of_records()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    logging.getLogger("uvicorn.error").addFilter(_not_a_startup_traceback)
    logging.getLogger("uvicorn.error").addFilter(_not_a_websocket)
    for noisy in ("asyncio", "httpx", "aiohttp.access", "bm25s", "faster_whisper"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _leave_out_of_records() -> None:
    """Has the standard library not look up what no line of ours shows: where it was logged, in which thread, process
    and task. Each request has a line, and that was a fifth of its cost."""
    logging._srcfile = None  # as logging's documentation advises ("Optimization")
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _json(event: dict, *, default: Callable[[object], object]) -> str:
    """One line; by the standard library's encoder, in ten times the time, where orjson refuses what it takes."""
    try:
        return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return json.dumps(event, default=default)


def _trace_ids(_logger, _method, event: dict) -> dict:
    """Where a line belongs to a trace that is sent somewhere, its ids."""
    if (ids := current_span().ids) is not None:
        event["trace_id"], event["span_id"] = ids
    return event


def _service_name(service: str):
    def add(_logger, _method, event: dict) -> dict:
        event["service"] = service
        return event

    return add


def _not_a_startup_traceback(record: logging.LogRecord) -> bool:
    """Starlette reports a failed start as a formatted traceback; it was logged before (app.py)."""
    return not (isinstance(record.msg, str) and record.msg.startswith("Traceback (most recent call last)"))


def _not_a_websocket(record: logging.LogRecord) -> bool:
    """uvicorn logs each WebSocket with its query, in which a session's id may stand: a secret. Ours say it without."""
    return not (isinstance(record.msg, str) and '"WebSocket %s"' in record.msg)
