"""Work that ends when its client leaves, before the response has begun and while it streams."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

Result = TypeVar("Result")


class ClientLeft(Exception):
    """The client closed its connection; there is nobody to answer."""


async def unless_client_leaves(request: Request, work: Awaitable[Result]) -> Result:
    """The result of `work`, which ends with ClientLeft on a disconnect. The body must have been read before.

    Once a response streams, Starlette watches the connection itself; a handler that still waits for its first item is
    not watched by anybody else.
    """
    try:
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(_until_left(request))
            result = await work
            watcher.cancel()
    except BaseExceptionGroup as both:
        # The task group wraps even a single error; callers expect the error itself.
        raise both.exceptions[0] from None
    return result


async def _until_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ClientLeft


class ClosingResponse(StreamingResponse):
    """A stream whose async generator is closed as soon as the response ends, however it ends.

    Starlette cancels the sending when the client leaves, but a generator that waits in its `yield` just then would be
    left to the garbage collector, and its work with it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the items, then let the generator clean up."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.body_iterator.aclose()
