"""uvicorn's WebSocket, as conversations need it: it may outlive the order to stop, and it can be dropped."""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

EXTENSION = "viva.connection"
"""Where the app finds the WebSocketProtocol that it talks through: in the scope's `extensions`."""

# A peer that sends too much may go on for so long before it reads why, and is taken to have read it after such a quiet.
LINGER_S = 5.0
QUIET_S = 0.5

UNREAD_BYTES = 4 * 1024**2
"""A peer that lets so much pile up and still sends pings is dropped: their answers are not bounded otherwise."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. uvicorn by itself closes every one of them as soon as the server is told to stop."""

    on_shutdown: Callable[[], None] | None = None
    """Called when the server begins to stop: the app then closes with 1012 itself, within the time to drain."""

    _gives_up_at: float | None = None

    def drop(self) -> None:
        """Ends the connection at once and throws away what was not sent: for a peer that does not read."""
        self.stop_keepalive()
        self.transport.abort()

    def shutdown(self) -> None:
        """Tells the app that the server stops, or closes with 1012 when it did not ask to be told."""
        if self.on_shutdown is not None and not self.close_sent and not self.disconnected:
            self.on_shutdown()
        else:
            super().shutdown()

    async def run_asgi(self) -> None:
        """Runs the app, which finds this object in its scope."""
        self.scope["extensions"][EXTENSION] = self
        await super().run_asgi()

    def keepalive_timeout(self) -> None:
        """A peer that answers no ping will not read a close frame either, and would hold what waits to be sent."""
        super().keepalive_timeout()
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Takes what the peer sends; what still comes of a message that was refused is thrown away."""
        if self._gives_up_at is None:
            super().data_received(data)
        else:
            self._linger()

    def handle_cont(self, event: Frame) -> None:
        """Adds a piece to its message. They share one buffer: many little ones, or empty ones, would be a long list."""
        begun = self.frames[0]
        message = begun if isinstance(begun, bytearray) else bytearray(begun)
        message += event.data
        self.frames = [bytes(message) if event.fin else message]
        if event.fin:
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answers it, unless the peer has not read so much that it does not want to know."""
        super().handle_ping()
        if self.transport.get_write_buffer_size() > UNREAD_BYTES:
            self.drop()

    def handle_parser_exception(self) -> None:
        """Says what was wrong (1009: a message over the limit), and closes once the peer has stopped sending.

        Closing a socket that has unread data resets it, and the peer would see that rather than the reason.
        """
        if self.close_sent:
            return
        closed = self.conn.close_sent
        self.queue.put_nowait({"type": "websocket.disconnect", "code": closed.code, "reason": closed.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._gives_up_at = self.loop.time() + LINGER_S
        self._linger()

    def _linger(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        left_s = max(0.0, self._gives_up_at - self.loop.time())
        self.close_timer = self.loop.call_later(min(QUIET_S, left_s), self.transport.close)
