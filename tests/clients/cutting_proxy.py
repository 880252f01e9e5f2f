"""A way to the server that can be cut: TCP passed on in both directions, by a thread."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class CuttingProxy:
    """Listens on loopback; `url` leads through it to the server."""

    def __init__(self, server_url: str) -> None:
        self.connections = 0
        self._target = urlsplit(server_url)
        self._ways: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Breaks all connections off, without a word; new ones are taken."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    async def _cut(self) -> None:
        for way in self._ways:
            way.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        both = {writer, far_writer}
        self._ways |= both
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            self._ways -= both

    def close(self) -> None:
        """Ends the proxy and what goes through it."""
        self.cut()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def cutting_proxy(server_url: str) -> Iterator[CuttingProxy]:
    """A proxy that is closed afterwards."""
    proxy = CuttingProxy(server_url)
    try:
        yield proxy
    finally:
        proxy.close()
