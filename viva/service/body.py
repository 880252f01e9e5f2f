"""Request bodies with a limit: the excess is refused while it arrives, not after."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viva.errors import TooLarge
from viva.service.errors import error_response


def limited(request: Request, max_bytes: int, *, what: str, param: str | None = None) -> Request:
    """The same request, whose body raises TooLarge as soon as it is known to be over `max_bytes`.

    `what` names it in the message ("The question", "The recording"), `param` is the field at fault. Raises at once
    when Content-Length says so.
    """

    def error() -> TooLarge:
        return TooLarge(f"{what} may have {max_bytes:,} bytes at most.", param=param)

    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise error()
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise error()
        return message

    return Request(request.scope, receive)


class JSONLimit:
    """Middleware that refuses JSON bodies over `max_bytes`, which frameworks read whole before they look at them."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_json(scope):
            await self._app(scope, receive, send)
            return
        try:
            request = limited(Request(scope, receive), self._max_bytes, what="The request")
        except TooLarge as error:
            await error_response(error)(scope, receive, send)
            return
        await self._app(scope, request.receive, send)


def _is_json(scope: Scope) -> bool:
    kind = dict(scope["headers"]).get(b"content-type", b"")
    return kind.partition(b";")[0].strip().lower().endswith(b"json")
