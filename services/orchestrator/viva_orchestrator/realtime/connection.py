"""The life of one Realtime connection."""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from viva.errors import VivaError
from viva.service.websockets import EXTENSION, WebSocketProtocol
from viva_orchestrator.realtime import server_events as out
from viva_orchestrator.realtime.arrival import Arrival
from viva_orchestrator.realtime.client_events import parse
from viva_orchestrator.realtime.dialogue import Dialogue
from viva_orchestrator.realtime.outgoing import Outgoing
from viva_orchestrator.realtime.parts import RealtimeParts

# With what clients say goodbye: 1000, or no code at all, as a browser's close() does. One whose page is left says 1001,
# and may be back in a moment.
GOODBYES = (1000, 1005)
VANISHED = 1006
TOO_LARGE = 1009
RESTARTING = 1012
# Of the time that answers get to end once the server stops, for saying that it was not enough.
LAST_S = 5.0


class Connection:
    """One client: it arrives, its events are followed one by one, and it leaves, vanishes or is sent elsewhere."""

    def __init__(self, websocket: WebSocket, parts: RealtimeParts) -> None:
        self._websocket = websocket
        self._parts = parts
        self._protocol: WebSocketProtocol = websocket.scope["extensions"][EXTENSION]
        settings = parts.settings
        self._out = Outgoing(
            websocket.send_text,
            self._protocol.drop,
            max_bytes=settings.realtime_outgoing_bytes,
            stall_s=settings.realtime_slow_reader_s,
        )
        self._dialogue: Dialogue | None = None
        self._leaving = False
        self._hurry: asyncio.TimerHandle | None = None
        self._cutting: asyncio.Task[None] | None = None
        self._goodbye: asyncio.Task[None] | None = None

    async def run(self, arrival: Arrival) -> str:
        """From the handshake to the end; returns how it ended: closed, vanished, dropped or shut_down."""
        self._protocol.on_shutdown = self._leave
        self._dialogue = await arrival.dialogue(self._parts, self._out, idle=self._leave_if_told)
        code: int | None = None
        try:
            with self._parts.turns.activity.connected(self._dialogue.session_id):
                self._out.put([out.session_created(self._dialogue.session()), *arrival.missed()])
                code = await self._follow()
        finally:
            self._out.close()
            if self._hurry is not None:
                self._hurry.cancel()
            bye = code in GOODBYES and not self._leaving
            if bye or code is None:  # or something of ours broke
                await self._dialogue.close()
            else:
                await self._dialogue.finish(self._parts.settings.realtime_resume_s)
        if bye:
            return "closed"
        if self._out.dropped or code == TOO_LARGE:
            return "dropped"
        return "shut_down" if self._leaving else "vanished"

    async def _follow(self) -> int:
        """Follows the client's events until it is gone; returns the code with which it closed."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                # Only a close frame has a reason: uvicorn gives a connection that broke the code 1005, too.
                return message["code"] if "reason" in message else VANISHED
            event_id = None
            try:
                event, event_id = parse(message.get("text") or message.get("bytes") or b"")
                await self._dialogue.handle(event)
            except VivaError as error:
                self._out.put([out.error(error, event_id=getattr(error, "event_id", None) or event_id)])
            except Exception:
                structlog.get_logger().exception("event failed")
                self._out.put([out.error(VivaError("Something went wrong on our side."), event_id=event_id)])

    # -- the server stops -----------------------------------------------------------------------------------------

    def _leave(self) -> None:
        """The server begins to stop: the answer under way ends, then the client is told to come back."""
        self._leaving = True
        drain_s = self._parts.settings.drain_s
        last_s = min(LAST_S, drain_s / 2)
        self._hurry = asyncio.get_running_loop().call_later(drain_s - last_s, self._leave_now)
        self._leave_if_told()

    def _leave_now(self) -> None:
        """The answer takes longer than there is time: it ends as far as it is, and `_leave_if_told` is called."""
        if self._dialogue is not None and self._dialogue.active and self._cutting is None:
            self._cutting = asyncio.create_task(self._dialogue.cut_short())

    def _leave_if_told(self) -> None:
        active = self._dialogue is not None and self._dialogue.active
        if self._leaving and not active and self._goodbye is None:
            self._goodbye = asyncio.create_task(self._say_goodbye())

    async def _say_goodbye(self) -> None:
        await self._out.sent()
        await self._dialogue.kept()  # before another replica is asked for it
        if self._websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it left in this very moment
                await self._websocket.close(RESTARTING, "The server restarts; connect again.")
