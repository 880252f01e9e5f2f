"""Calls from one stage to another, or to any OpenAI-compatible server, with errors mapped once.

One aiohttp session is shared by a service's upstreams; it is made in the lifespan by `client_session`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from viva.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Overloaded,
    StageUnavailable,
    TooLarge,
    VivaError,
)
from viva.service.requests import current_request_id
from viva.service.tracing import trace_headers

_MAX_ERROR_BODY = 64 * 1024


def client_session() -> aiohttp.ClientSession:
    """The session of a service: connections are kept alive long and not limited, since admission is elsewhere."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60, ttl_dns_cache=10)
    return aiohttp.ClientSession(
        connector=connector,
        json_serialize=lambda value: orjson.dumps(value).decode(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=3),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class Upstream:
    """One server by URL. `stage` names it in errors ("asr" gives asr_unavailable)."""

    def __init__(
        self,
        stage: str,
        base_url: str,
        session: aiohttp.ClientSession,
        *,
        api_key: str | None = None,
        first_byte_s: float = 30.0,
        between_s: float = 15.0,
    ) -> None:
        self.stage = stage
        self.base_url = base_url.rstrip("/")
        self._session = session
        self._api_key = api_key
        self._first_byte_s = first_byte_s
        self._between_s = between_s

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        first_byte_s: float | None = None,
        between_s: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response whose status is below 400; leaving the block early ends the work upstream.

        Raises the server's own 4xx as InvalidRequest, 429 and overloads as Overloaded, StageUnavailable when it
        cannot be reached or fails, DeadlineExceeded when its headers do not come within `first_byte_s` seconds.
        """
        sent = self._headers() | dict(headers or {})
        if json is not None:
            data, sent["Content-Type"] = orjson.dumps(json), "application/json"
        first_s = first_byte_s or self._first_byte_s
        # The client's read timeout counts while the headers are waited for, too, so it must not undercut their time.
        read_s = max(first_s, between_s or self._between_s)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=3, sock_read=read_s)
        try:
            async with asyncio.timeout(first_s):
                response = await self._session.request(
                    method,
                    self.base_url + path,
                    data=data,
                    headers=sent,
                    timeout=timeout,
                    allow_redirects=False,
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self.mapped(error) from error
        try:
            if response.status >= 300:
                raise await self._refusal(response)
            yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self.mapped(error) from error
        finally:
            response.close()

    @asynccontextmanager
    async def websocket(
        self, path: str, *, heartbeat_s: float = 15.0, max_message_bytes: int = 64 * 1024
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket, closed when the block ends; a server that answers no ping for `heartbeat_s` counts as gone.

        Raises NotFound when the server has none there, Overloaded, StageUnavailable, or DeadlineExceeded.
        """
        sent = self._headers()
        try:
            async with asyncio.timeout(self._first_byte_s):
                socket = await self._session.ws_connect(
                    self.base_url + path,
                    headers=sent,
                    heartbeat=heartbeat_s,
                    max_msg_size=max_message_bytes,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise self._no_websocket(error.status) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self.mapped(error) from error
        try:
            yield socket
        except (aiohttp.ClientError, OSError) as error:
            raise self.mapped(error) from error
        finally:
            await socket.close()

    async def read(self, method: str, path: str, *, max_bytes: int = 64 * 1024 * 1024, **options: Any) -> bytes:
        """The whole body of a response, refused beyond `max_bytes`."""
        async with self.open(method, path, **options) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise StageUnavailable(self.stage, f"The {self.stage} stage sent more than it may.")
            return bytes(body)

    async def read_json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON body of a response."""
        body = await self.read(method, path, **options)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise StageUnavailable(self.stage, f"The {self.stage} stage sent something that is not JSON.") from error

    def mapped(self, error: BaseException) -> VivaError:
        """Our error for one of the HTTP client's."""
        if isinstance(error, TimeoutError):
            message = f"The {self.stage} stage did not answer in time; try again."
            return DeadlineExceeded(message, code=f"{self.stage}_timeout")
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
            message = f"The {self.stage} stage broke off its answer; try again."
            return StageUnavailable(self.stage, message, code=f"{self.stage}_interrupted")
        message = f"The {self.stage} stage cannot be reached; try again, and look at /status if it stays so."
        return StageUnavailable(self.stage, message)

    def _headers(self) -> dict[str, str]:
        headers = trace_headers()
        if request_id := current_request_id():
            headers["X-Request-ID"] = request_id
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        return headers

    def _no_websocket(self, status: int) -> VivaError:
        """Our error for the status that a handshake was refused with. Frameworks say 403 where they have no route."""
        if status in (429, 503):
            return Overloaded(
                f"The {self.stage} stage is at its capacity; try again in a moment.",
                code=f"{self.stage}_overloaded",
            )
        if status >= 500 or status in (401, 407, 408):
            return StageUnavailable(self.stage, f"The {self.stage} stage failed; try again.")
        return NotFound(f"The {self.stage} stage has no WebSocket there.", code=f"{self.stage}_no_websocket")

    async def _refusal(self, response: aiohttp.ClientResponse) -> VivaError:
        given = _error_fields(await response.content.read(_MAX_ERROR_BODY))
        # Our own services' errors carry a request id; another server's words are not shown to our users.
        ours = given if "request_id" in given else {}
        code = str(ours.get("code") or f"{self.stage}_refused")
        message = str(ours.get("message") or f"The {self.stage} stage refused the request ({response.status}).")
        if response.status == 503 and code == f"{self.stage}_unavailable":
            return StageUnavailable(self.stage, message)
        if response.status in (429, 503):
            return Overloaded(
                f"The {self.stage} stage is at its capacity; try again in a moment.",
                code=f"{self.stage}_overloaded",
                retry_after_s=_seconds(response.headers.get("Retry-After")),
            )
        if response.status == 413:
            return TooLarge(message, code=code, param=ours.get("param"))
        if response.status == 404:
            return NotFound(message, code=code, param=ours.get("param"))
        if 400 <= response.status < 500 and response.status not in (401, 403, 407):
            return InvalidRequest(message, code=code, param=ours.get("param"))
        # 401 and the like are our configuration, not the caller's mistake.
        return StageUnavailable(self.stage, f"The {self.stage} stage failed; try again.")


def _error_fields(body: bytes) -> dict:
    try:
        error = orjson.loads(body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return {}
    return error if isinstance(error, dict) else {}


def _seconds(header: str | None) -> float:
    try:
        return min(60.0, max(1.0, float(header or 1)))
    except ValueError:
        return 1.0
