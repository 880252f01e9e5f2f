"""Runs a service: settings, logs, then uvicorn until SIGTERM or SIGINT."""

import math
from collections.abc import Callable

import structlog
import uvicorn
from fastapi import FastAPI

from viva.errors import VivaError
from viva.service.logging import configure_logging
from viva.service.settings import Settings, load_settings


def serve(service: str, create_app: Callable[[Settings], FastAPI], settings_class: type[Settings]) -> None:
    """Serves until told to stop; exits 2 when a setting is wrong, 3 when the service cannot start."""
    settings = load_settings(settings_class)
    configure_logging(service, settings)
    try:
        app = create_app(settings)
    except VivaError as error:
        structlog.get_logger().error("cannot start", code=error.code, reason=error.message)
        raise SystemExit(3) from None
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_s),
        # Longer than a load balancer's idle time, so that it and not we close an idle connection.
        timeout_keep_alive=75,
    )
