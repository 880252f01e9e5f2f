"""The stages and the Redis that are not the stack's own, since a variable names their address."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_PATIENCE_S = 2.0
_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
_WITHOUT = {
    "VIVA_REDIS_URL": "conversations are not kept, and no lecture can be uploaded",
    "VIVA_ASR_URL": "nothing that is spoken can be heard, and no lecture transcribed",
    "VIVA_LLM_URL": "no question can be answered",
    "VIVA_TTS_URL": "answers are text alone",
}


@dataclass(frozen=True, slots=True)
class Named:
    """A part that runs elsewhere; `without` says what is missing until it answers."""

    variable: str
    host: str
    port: int
    without: str

    @property
    def address(self) -> str:
        """Host and port, without what else stands in the URL: a password, say."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def listens(self) -> bool:
        """Whether somebody takes a connection there."""
        try:
            socket.create_connection((self.host, self.port), timeout=_PATIENCE_S).close()
        except (OSError, UnicodeError):  # the latter for what cannot be a name
            return False
        return True


def named(environ: Mapping[str, str]) -> Iterator[Named]:
    """What `environ` names. An address that is none, or of a kind that has no port, is left to the services."""
    for variable, without in _WITHOUT.items():
        try:
            address = urlsplit(environ.get(variable, ""))
            port = address.port or _PORTS.get(address.scheme)
        except ValueError:
            continue
        if address.hostname and port:
            yield Named(variable, address.hostname, port, without)
