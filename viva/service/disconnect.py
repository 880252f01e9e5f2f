"""Work that ends when its client leaves, before the response has begun and while it streams."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import structlog
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from viva.errors import VivaError
from viva.service.errors import CLIENT_LEFT

__all__ = ["CLIENT_LEFT", "ClientLeft", "ClosingResponse", "unless_client_leaves", "unless_left"]

Result = TypeVar("Result")


class ClientLeft(Exception):
    """The client closed its connection; there is nobody to answer."""


async def unless_client_leaves(request: Request, work: Awaitable[Result]) -> Result:
    """The result of `work`, which ends with ClientLeft on a disconnect. The body must have been read before.

    Once a response streams, ClosingResponse watches the connection; a handler that still waits for its first item is
    not watched by anybody else.
    """
    return await unless_left(request.receive, work)


async def unless_left(receive: Receive, work: Awaitable[Result]) -> Result:
    """The same for a plain ASGI `receive`."""
    try:
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(_until_left(receive))
            result = await work
            watcher.cancel()
    except BaseExceptionGroup as both:
        # The task group wraps even a single error; callers expect the error itself.
        raise both.exceptions[0] from None
    return result


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientLeft


class ClosingResponse(StreamingResponse):
    """A stream that gives back what it holds when it ends, is cut, or its client leaves.

    The sending is cancelled when the client leaves, but a generator that waits in its `yield` just then, or has not
    begun, would be left to the garbage collector, and its work with it. What must be closed in any case is `held`.

    It is sent by the request's own task, and only the watch for the client has another. Starlette does it the other
    way round, and the first item has to wait for the new task's turn.
    """

    def __init__(self, body: AsyncGenerator[bytes], *, held: AsyncExitStack, **options: Any) -> None:
        super().__init__(body, **options)
        self._held = held
        # Proxies must not collect a stream before they pass it on, nor keep it.
        self.headers.setdefault("cache-control", "no-store")
        self.headers.setdefault("x-accel-buffering", "no")

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the stream.

        When it breaks off with an error of ours, nothing more is sent: without the last message the server closes the
        connection, so that the client sees a broken transfer instead of a short one.
        """
        async with self._held:
            try:
                await unless_left(receive, self.stream_response(send))
            except ClientLeft:
                pass
            except VivaError as error:
                structlog.get_logger().warning("response cut", code=error.code, reason=error.message)
            finally:
                await self.body_iterator.aclose()
