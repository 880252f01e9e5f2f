"""The addresses that a name means, looked up once for all who connect at the time."""

import asyncio
import socket

from viva_llm.upstream.errors import NoConnection, UnknownName

# A rollout's new addresses are seen soon, and a burst of questions is no burst of lookups.
_KNOWN_S = 10.0

AddressInfo = tuple[int, int, int, str, tuple]


class Addresses:
    """Of one name, or the one address that it is. Each lookup holds one of few threads for as long as it lasts."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._found = _numeric(host, port)
        self._is_name = not self._found
        self._until = 0.0
        self._looking: asyncio.Task[OSError | None] | None = None
        self._closed = False

    async def find(self) -> list[AddressInfo]:
        """All of them, each time another one first. Raises UnknownName, and NoConnection once closed."""
        if self._closed:
            raise NoConnection
        if self._is_name and self._loop.time() >= self._until:
            if self._looking is None:
                self._looking = self._loop.create_task(self._look())
            looking = self._looking
            await asyncio.wait([looking])  # who gives up here does not take it from the others
            if looking.cancelled():
                raise NoConnection
            if error := looking.result():
                raise UnknownName from error
        found = self._found
        self._found = found[1:] + found[:1]
        return found

    def forget(self) -> None:
        """None of them answers: the next one to connect looks anew."""
        self._until = 0.0

    def close(self) -> None:
        """Nobody connects any more."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> OSError | None:
        try:
            self._found = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            return error
        else:
            self._until = self._loop.time() + _KNOWN_S
            return None
        finally:
            self._looking = None


def _numeric(host: str, port: int) -> list[AddressInfo]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return []
