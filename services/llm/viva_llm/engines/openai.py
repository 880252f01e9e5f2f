"""Any OpenAI-compatible server by URL: vLLM, Ollama, llama.cpp's server, hosted APIs."""

import asyncio
from collections.abc import AsyncGenerator

import aiohttp
import orjson

from viva.service.requests import current_request_id
from viva_llm.answer import Delta
from viva_llm.backend_list import BackendSpec
from viva_llm.chat import Chat
from viva_llm.engines.openai_chunks import ChunkReader
from viva_llm.engines.openai_errors import error_of, failure_of
from viva_llm.engines.openai_request import upstream_body
from viva_llm.failure import Failure, Reason
from viva_llm.settings import LLMSettings

_MAX_ERROR_BYTES = 64 * 1024
_MAX_MODELS_BYTES = 1024 * 1024
# Long enough for the end of the body behind [DONE], which frees the connection for the next question;
# short enough that a server that holds it back delays nobody.
_TAIL_S = 0.05


class OpenAIBackend:
    """One server, one client session with kept connections."""

    kind = "openai"
    hears = True

    def __init__(self, spec: BackendSpec, settings: LLMSettings) -> None:
        self.name = spec.name
        self.model = spec.model
        self._url = spec.url
        self._key = settings.key_of(spec)
        self._connect_s = settings.connect_timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the session; connects to nothing yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=75, ttl_dns_cache=10),
            # Deadlines of the answer are the reader's business; a total would also bind us to one task.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Authorization": f"Bearer {self._key}"} if self._key else None,
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()

    async def probe(self) -> None:
        """Asks for the server's models; takes the first when the settings name none."""
        try:
            async with self._session.get(f"{self._url}/models", allow_redirects=False) as response:
                body = await response.content.read(_MAX_MODELS_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_failure(error, "connect") from error
        # Some servers have no such list; that they answer at all is what a probe asks for.
        if response.status not in (200, 404, 405):
            raise failure_of(response.status, error_of(body), response.headers.get("Retry-After"))
        if not self.model:
            self.model = _first_model(body)

    async def stream(self, chat: Chat) -> AsyncGenerator[Delta]:
        """Relays the server's stream as deltas; closing this closes the connection, which stops the server's work."""
        if not self.model:
            await self.probe()
        response = await self._post(upstream_body(chat, self.model))
        try:
            await _check(response)
            reader = ChunkReader()
            content = response.content
            while not reader.done and (chunk := await content.readany()):
                for delta in reader.feed(chunk):
                    yield delta
            await _read_tail(content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_failure(error, "read") from error
        finally:
            # A connection whose body was read to its end is already back in the pool; any other is closed by this.
            response.close()

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if request_id := current_request_id():
            headers["X-Request-ID"] = request_id
        url = f"{self._url}/chat/completions"
        try:
            try:
                return await self._session.post(url, data=body, headers=headers, allow_redirects=False)
            except aiohttp.ServerDisconnectedError:
                # A kept connection that the server closed just as we took it. It has not read the request.
                return await self._session.post(url, data=body, headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_failure(error, "connect") from error


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status != 200:
        body = await response.content.read(_MAX_ERROR_BYTES)
        raise failure_of(response.status, error_of(body), response.headers.get("Retry-After"))
    if response.content_type != "text/event-stream":
        error = error_of(await response.content.read(_MAX_ERROR_BYTES))
        if error:
            raise failure_of(500, error)
        raise Failure(Reason.BAD_STREAM, f"it sent {response.content_type!r} where a stream of events was due")


async def _read_tail(content: aiohttp.StreamReader) -> None:
    if content.at_eof():
        return
    try:
        async with asyncio.timeout(_TAIL_S):
            await content.readany()
    except TimeoutError:
        pass


def _as_failure(error: Exception, doing: str) -> Failure:
    """The one place where aiohttp's errors are told apart."""
    if isinstance(error, TimeoutError):  # aiohttp's timeouts are of this type too
        return Failure(Reason.TIMEOUT, f"it did not {doing} in time" if doing == "connect" else "it stopped sending")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Failure(Reason.CONNECT, "the name in its address is not known")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failure(Reason.CONNECT, "no connection to it")
    if doing == "read":
        return Failure(Reason.BAD_STREAM, "the connection broke in the middle of its answer")
    return Failure(Reason.CONNECT, "it closed the connection without an answer")


def _first_model(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["data"][0]["id"])
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        raise Failure(
            Reason.REFUSED, "its entry names no model and it lists none; write the model behind the address as '|model'"
        ) from None
