"""The life of one connection to a model server: one request at a time, its response, and then the next or the end."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from viva_llm.upstream.errors import BadResponse, BrokenOff, ClosedUnanswered, UpstreamError
from viva_llm.upstream.response_parser import ResponseParser

# Bytes that may wait for a reader who is slower than the server; then the server has to wait, too.
_MOST_UNREAD = 256 * 1024
# A request of this size is surely on its way when its response has come.
_SURELY_SENT = 64 * 1024
# Long enough for the end of a body behind the last event, which frees the connection for the next question.
_TAIL_S = 0.05


class Connection(asyncio.Protocol):
    """Made by a pool. `idle` is told when the connection can take another request, `gone` when it never can again.

    After `ask` comes `read` until it returns b"", and in any case `leave`.
    """

    def __init__(self, idle: Callable[["Connection"], None], gone: Callable[["Connection"], None]) -> None:
        self._idle = idle
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._response: ResponseParser | None = None
        self._unread = b""
        self._paused = False
        self._sent = 0
        self._error: UpstreamError | None = None
        self._waiter: asyncio.Future | None = None
        self._tail: asyncio.TimerHandle | None = None

    @property
    def response(self) -> ResponseParser:
        """The response, whose head is there once `ask` has returned."""
        return self._response

    async def ask(self, head: bytes, body: bytes) -> None:
        """Sends a request and waits for the response's head. Raises UpstreamError."""
        response = self._response = ResponseParser()
        if self._transport.is_closing():
            raise ClosedUnanswered
        self._sent = len(head) + len(body)
        self._transport.writelines((head, body))
        while not response.has_head:
            await self._news()

    async def read(self) -> bytes:
        """What has come of the body since the last time, once there is any; b"" at its end. Raises UpstreamError."""
        while not self._unread:
            if self._response.is_whole:
                return b""
            await self._news()
        body, self._unread = self._unread, b""
        self._go_on()
        return body

    def leave(self, *, ended: bool = False) -> None:
        """Nobody reads any more. A response that is whole makes the connection idle; any other closes it, which stops
        the server's work.

        `ended` says that the body has nothing more to say, though the server may not have ended it: it has a moment
        to do so, for which nobody has to wait.
        """
        self._unread = b""
        self._go_on()
        if self._response.is_whole:
            self._finish()
        elif ended and self._error is None:
            self._tail = self._loop.call_later(_TAIL_S, self.close)
        else:
            self.close()

    def close(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()

    async def _news(self) -> None:
        if self._error is not None:
            raise self._error
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _finish(self) -> None:
        last = self._response.is_last or self._may_be_unsent(self._response.status)
        self._response = None
        if self._tail is not None:
            self._tail.cancel()
            self._tail = None
        if last or self._transport.is_closing():
            self.close()
        else:
            self._idle(self)

    def _may_be_unsent(self, status: int) -> bool:
        """Whether the server may have answered before it read the whole request, behind whose rest the next one would
        wait. A transport with TLS does not tell what the one below it still holds; then a long request that was refused
        counts as such.
        """
        return self._transport.get_write_buffer_size() > 0 or (status != HTTPStatus.OK and self._sent > _SURELY_SENT)

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The connection is there."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Something came. Without a request under way it is nothing that could be trusted."""
        response = self._response
        if response is None:
            self.close()
            return
        try:
            body = response.feed(data)
        except BadResponse as error:
            self._error = error
            self.close()
        else:
            if self._tail is None:
                self._keep(body)
            elif response.is_whole:
                self._finish()
        self._wake()

    def _keep(self, body: bytes) -> None:
        unread = self._unread = self._unread + body if self._unread else body
        if len(unread) > _MOST_UNREAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _go_on(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection ended, by us or by the server."""
        self._gone(self)
        if self._tail is not None:
            self._tail.cancel()
        if (response := self._response) is not None:
            if error is None and self._error is None:
                response.end()
            if not response.is_whole and self._error is None:
                self._error = BrokenOff() if response.has_begun else ClosedUnanswered()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
