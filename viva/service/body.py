"""Request bodies with a limit: the excess is refused while it arrives, not after."""

from starlette.requests import Request
from starlette.types import Message

from viva.errors import TooLarge


def limited(request: Request, max_bytes: int, *, what: str) -> Request:
    """The same request, whose body raises TooLarge as soon as it is known to be over `max_bytes`.

    `what` names it in the message ("The question", "The recording"). Raises at once when Content-Length says so.
    """
    error = TooLarge(f"{what} may have {max_bytes:,} bytes at most.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise error
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise error
        return message

    return Request(request.scope, receive)
