"""Work that ends when its client leaves, before the response has begun.

Once a response streams, Starlette watches the connection itself; a handler that still waits for its first chunk is not
watched by anybody.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

Result = TypeVar("Result")


class ClientLeft(Exception):
    """The client closed its connection; there is nobody to answer."""


async def unless_client_leaves(request: Request, work: Awaitable[Result]) -> Result:
    """The result of `work`, which ends with ClientLeft on a disconnect. The body must have been read before."""
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
