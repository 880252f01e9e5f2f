"""Work that ends when its client leaves."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

Result = TypeVar("Result")


async def unless_left(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """Return what `work` returns; cancel it and raise ClientDisconnect when the client goes first.

    The body must have been read: what is received after it can only be the disconnect.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


class EventStream(StreamingResponse):
    """Server-sent events whose generator is closed as soon as the response ends, however it ends."""

    media_type = "text/event-stream"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events, then let the generator clean up."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.body_iterator.aclose()
