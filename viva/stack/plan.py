"""What the stack consists of: each part's command, environment and address, out of the user's environment."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from viva.errors import EngineUnavailable
from viva.service.settings import explain, read_settings
from viva.stack import redis
from viva.stack.environment import settings_classes
from viva.stack.part import Part
from viva.stack.ports import LOOPBACK, answers_ok, free_ports

STAGES = ("asr", "llm", "tts")
_DRAIN_S = "3"  # on one's own machine nobody waits twenty seconds for a Ctrl-C


class WrongSettings(EngineUnavailable):
    """A VIVA_... variable has a value that a service will not take."""

    default_code = "wrong_settings"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack keeps things and where its front door is."""

    folder: Path
    port: int
    host: str = LOOPBACK

    @property
    def url(self) -> str:
        """The orchestrator's address, as this machine reaches it."""
        host = LOOPBACK if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{host}:{self.port}"

    @property
    def logs(self) -> Path:
        """The folder of the parts' logs."""
        return self.folder / "logs"


def plan(place: Place, environ: Mapping[str, str]) -> list[Part]:
    """The parts to start, Redis first and the orchestrator last.

    A stage or a Redis that `environ` names by its URL is used from there and not started. A VIVA_ variable set to
    nothing counts as unset, as in the services. Raises WrongSettings before anything runs when a service would not
    take its settings.
    """
    environ = {name: value for name, value in environ.items() if value or not name.startswith("VIVA_")}
    redis_port, *stage_ports = free_ports(1 + len(STAGES))
    parts: list[Part] = []
    shared = {"VIVA_LOG_FORMAT": "text", "VIVA_DRAIN_S": _DRAIN_S, **environ}
    addresses = {"VIVA_OBJECT_STORE_URL": str(place.folder / "data" / "objects")}
    if "VIVA_REDIS_URL" not in environ:
        addresses["VIVA_REDIS_URL"] = f"redis://{LOOPBACK}:{redis_port}/0"
        parts.append(_redis_part(place.folder / "data" / "redis", redis_port, environ))
    for stage, port in zip(STAGES, stage_ports, strict=True):
        name = f"VIVA_{stage.upper()}_URL"
        if name not in environ:
            addresses[name] = f"http://{LOOPBACK}:{port}"
            parts.append(_service_part(stage, shared, LOOPBACK, port))
    parts.append(_service_part("orchestrator", addresses | shared, place.host, place.port))
    _require_right_settings(parts)
    return parts


def _redis_part(folder: Path, port: int, environ: Mapping[str, str]) -> Part:
    folder.mkdir(parents=True, exist_ok=True)
    return Part(
        name="redis",
        command=redis.command(folder, port),
        environ=environ,
        url=f"redis://{LOOPBACK}:{port}/0",
        is_ready=lambda: redis.answers(port),
        starts_first=True,
    )


def _service_part(service: str, environ: Mapping[str, str], host: str, port: int) -> Part:
    url = f"http://{LOOPBACK if host in ('0.0.0.0', '::', '') else host}:{port}"
    return Part(
        name=service,
        command=[sys.executable, "-m", f"viva_{service}"],
        environ={**environ, "VIVA_HOST": host, "VIVA_PORT": str(port), "PYTHONUNBUFFERED": "1"},
        url=url,
        is_ready=lambda: answers_ok(f"{url}/readyz"),
    )


def _require_right_settings(parts: list[Part]) -> None:
    sentences: dict[str, None] = {}  # in order, each once: the services share some variables
    for service, cls in settings_classes().items():
        for part in parts:
            if part.name == service:
                try:
                    read_settings(cls, part.environ)
                except ValidationError as error:
                    sentences.update(dict.fromkeys(explain(cls, error)))
    if sentences:
        raise WrongSettings("\n".join(sentences))
