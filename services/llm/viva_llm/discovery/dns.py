"""Every address behind one DNS name, asked for again and again: a headless Service's pods, for instance."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import structlog

Lookup = Callable[[str, int], Awaitable[list[str]]]
# "There is no such name", "it has no addresses": answers, unlike a resolver that cannot be reached.
_NO_ADDRESSES = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


async def resolved(host: str, port: int) -> list[str]:
    """The IP addresses of a name. Raises socket.gaierror."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [sockaddr[0] for _family, _type, _proto, _name, sockaddr in found]


class DnsAddresses:
    """The addresses of the name in a base URL, each put into that URL in its place.

    A resolver that does not answer leaves the addresses as they were: they may well be right still, and the replicas'
    own health tells. A resolver that answers "none" is believed.
    """

    kind = "dns"

    def __init__(self, url: str, refresh_s: float = 5.0, lookup: Lookup = resolved) -> None:
        self._url = urlsplit(url)
        self._refresh_s = refresh_s
        self._lookup = lookup
        self._looking: asyncio.Task | None = None
        self.addresses: frozenset[str] | None = None
        self.problem = ""
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Begins to ask."""
        self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Asks no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    def status(self) -> dict:
        """As /status shows it."""
        return {"kind": self.kind, "name": self._url.hostname, "problem": self.problem or None}

    async def _keep_looking(self) -> None:
        while True:
            before = (self.addresses, self.problem)
            await self.look()
            if (self.addresses, self.problem) != before:
                self.changed.set()
            await asyncio.sleep(self._refresh_s)

    async def look(self) -> None:
        """Asks once."""
        name = self._url.hostname
        try:
            ips = await self._lookup(name, self._port)
        except socket.gaierror as error:
            if error.errno in _NO_ADDRESSES:
                self.addresses, self.problem = frozenset(), f"the name {name} has no addresses"
            else:
                self.problem = f"the name {name} could not be looked up"
        except OSError:
            self.problem = f"the name {name} could not be looked up"
        except Exception:
            # A defect must not end the looking for good.
            structlog.get_logger().exception("looking up a name failed", name=name)
            self.problem = f"the name {name} could not be looked up"
        else:
            self.addresses, self.problem = frozenset(self._at(ip) for ip in ips), ""

    @property
    def _port(self) -> int:
        return self._url.port or 80

    def _at(self, ip: str) -> str:
        host = f"[{ip}]" if ":" in ip else ip
        return urlunsplit(self._url._replace(netloc=f"{host}:{self._port}"))
