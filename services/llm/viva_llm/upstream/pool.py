"""Connections to one server, kept for the next request."""

import asyncio
import ssl
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from viva_llm.upstream.addresses import Addresses
from viva_llm.upstream.connection import Connection
from viva_llm.upstream.errors import ClosedUnanswered, NoConnection

# Servers close idle connections after 5 s (uvicorn, and so vLLM) or more; those that do not are left after this.
_IDLE_S = 75.0
# How much sooner the second address family is tried than the first has failed (RFC 8305), in seconds.
_NEXT_ADDRESS_S = 0.25


class Pool:
    """As many connections to the server of a URL as there are requests at once; `connect_s` is the time to make one."""

    def __init__(self, url: str, *, connect_s: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname
        self._addresses = Addresses(self._host, parts.port or (443 if parts.scheme == "https" else 80))
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._connect_s = connect_s
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Connection, float] = {}
        """Since when each waits, the longest first."""
        self._open: set[Connection] = set()
        self._closed = False

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    async def ask(self, head: bytes, body: bytes) -> Connection:
        """A connection on which the head of the response has come; `leave` it. Raises UpstreamError, TimeoutError.

        A kept connection may be closed by the server at the very moment when it is taken, without the request having
        been read; then it is asked on a new one.
        """
        kept = self._kept()
        if kept is not None:
            try:
                return await _asked(kept, head, body)
            except ClosedUnanswered:
                pass
        return await _asked(await self._connect(), head, body)

    def close(self) -> None:
        """Closes every connection, also those that are being made."""
        self._closed = True
        self._addresses.close()
        for connection in list(self._open):
            connection.close()

    def _kept(self) -> Connection | None:
        """The connection that was used last, so that those that are not needed grow old."""
        if not self._idle:
            return None
        connection, since = self._idle.popitem()
        if self._loop.time() - since <= _IDLE_S:
            return connection
        connection.close()
        return None

    def _put_back(self, connection: Connection) -> None:
        now = self._loop.time()
        self._idle[connection] = now
        oldest, since = next(iter(self._idle.items()))
        if now - since > _IDLE_S:
            oldest.close()

    def _drop(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        self._open.discard(connection)

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_s):
                found = await self._addresses.find()
                taken = await start_connection(found, happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1)
                _transport, connection = await self._loop.create_connection(
                    lambda: Connection(self._put_back, self._drop),
                    sock=taken,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                )
        except TimeoutError:
            self._addresses.forget()
            raise
        except OSError as error:
            self._addresses.forget()
            raise NoConnection from error
        if self._closed:
            connection.close()
            raise NoConnection
        self._open.add(connection)
        return connection


async def _asked(connection: Connection, head: bytes, body: bytes) -> Connection:
    try:
        await connection.ask(head, body)
    except BaseException:
        connection.close()
        raise
    return connection
