"""Events on their way to one client: in order, bounded, and never in the way of anybody else."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import orjson

from viva_orchestrator.realtime.server_events import Event


class Outgoing:
    """Takes events at once and sends them one after the other; costs nothing while there are none.

    A client that lets more than `max_bytes` pile up, or reads nothing for `stall_s` seconds, is dropped.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        drop: Callable[[], None],
        *,
        max_bytes: int,
        stall_s: float,
    ) -> None:
        self._send = send
        self._drop = drop
        self._max_bytes = max_bytes
        self._stall_s = stall_s
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._sending: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._name = secrets.token_hex(6)
        self._count = 0
        self.dropped = False
        self.closed = False

    def put(self, events: Iterable[Event]) -> None:
        """Sends events after all that were put before. Nothing once the client is gone."""
        for event in events:
            if self.closed:
                continue  # the events are made all the same: making them moves the conversation on
            self._count += 1
            data = orjson.dumps({"event_id": f"event_{self._name}_{self._count}", **event})
            self._waiting.append(data)
            self._bytes += len(data)
            if self._bytes > self._max_bytes:
                self._give_up()
        if self._waiting and self._sending is None:
            self._sending = asyncio.create_task(self._run())
            self._sending.add_done_callback(self._stopped)

    async def room(self) -> None:
        """Waits until so little is left to send that an answer may go on."""
        while self._bytes > self._max_bytes // 4 and not self.closed:
            self._moved.clear()
            await self._moved.wait()

    async def sent(self) -> None:
        """Waits until all of it is sent, or the client is gone."""
        while self._sending is not None:
            await asyncio.wait([self._sending])

    def close(self) -> None:
        """The client is gone: nothing is sent any more."""
        self.closed = True
        self._waiting.clear()
        self._bytes = 0
        self._moved.set()

    def _give_up(self) -> None:
        self.dropped = True
        self.close()
        self._drop()

    async def _run(self) -> None:
        while self._waiting:
            data = self._waiting.popleft()
            try:
                async with asyncio.timeout(self._stall_s):
                    await self._send(data.decode())
            except TimeoutError:
                self._give_up()
            except Exception:  # whatever the server raises for a connection that is gone
                self.close()
            else:
                self._bytes -= len(data) if not self.closed else 0
                self._moved.set()

    def _stopped(self, _task: asyncio.Task[None]) -> None:
        self._sending = None
        if self._waiting:
            self.put(())
