"""Reading what a server answers: what Viva sent, or a VivaError that says what came instead."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from viva import errors

_BY_STATUS: dict[int, type[errors.VivaError]] = {
    400: errors.InvalidRequest,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    415: errors.UnsupportedMedia,
    422: errors.InvalidRequest,
    429: errors.RateLimited,
    503: errors.Overloaded,
    504: errors.DeadlineExceeded,
}


class ServerUnreachable(errors.VivaError):
    """Nobody answers at the address, or the connection broke."""

    status = 503
    default_code = "server_unreachable"
    retryable = True


def lines_of(response: httpx.Response) -> Iterator[str]:
    """The lines of a body. Only a line feed ends one: httpx's own iter_lines would also cut at U+2028 in a text."""
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines if line)


def raise_for_error(response: httpx.Response) -> None:
    """Raises the server's error as the VivaError that it was there."""
    if not response.is_error:
        return
    cls = _BY_STATUS.get(response.status_code, errors.VivaError)
    try:
        body = response.json()["error"]
        message, code, param = str(body["message"]), body.get("code"), body.get("param")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise not_viva(response, cls) from None
    if code == "path_not_found":  # there is a path in the address that was given, or another version there
        raise cls(
            f"A Viva answers at {response.request.url.host}, but has nothing at {response.request.url.path}. "
            "Is VIVA_URL right? It is an address without a path.",
            code=code,
        )
    if response.status_code >= 500 and body.get("request_id"):
        message += f" The server's logs have it as request {body['request_id']}."
    if cls is errors.Overloaded:
        raise cls(message, code=code)
    raise cls(message, code=code, param=param)


def parsed(text: str | bytes, response: httpx.Response) -> dict[str, Any]:
    """The JSON object in `text`, a part of what `response` brings. Raises VivaError for anything else."""
    try:
        body = json.loads(text)
    except ValueError:
        raise not_viva(response) from None
    if not isinstance(body, dict):
        raise not_viva(response)
    return body


def require(body: dict[str, Any], needed: Iterable[str], response: httpx.Response) -> dict[str, Any]:
    """The body, which has all fields that are `needed`. Raises VivaError for one that has not."""
    if any(name not in body for name in needed):
        raise not_viva(response)
    return body


def not_viva(response: httpx.Response, cls: type[errors.VivaError] = errors.VivaError) -> errors.VivaError:
    return cls(
        f"{response.request.url.host} answered {response.status_code}, and not as Viva does. Is VIVA_URL right?",
        code="not_viva",
    )


def raise_for_ending(event: str, body: dict[str, Any]) -> None:
    """Raises what ends the events of a transcription other than its own end."""
    if event == "deleted":
        raise errors.NotFound("The lecture was deleted before it was transcribed.")
    if event == "error":
        code, message = str(body.get("code")), str(body.get("message"))
        if body.get("retryable"):
            raise errors.StageUnavailable(code.removesuffix("_unavailable"), message, code=code)
        raise errors.VivaError(message, code=code)
