"""Any OpenAI-compatible server by URL: vLLM, Ollama, llama.cpp's server, hosted APIs."""

from collections.abc import AsyncGenerator

import aiohttp
import orjson

from viva.errors import EngineUnavailable
from viva.service.requests import current_request_id
from viva.service.tracing import trace_headers
from viva_llm.answer import Delta
from viva_llm.chat import Asked
from viva_llm.engine import ServedModel
from viva_llm.engines.openai_chunks import ChunkReader
from viva_llm.engines.openai_errors import error_of, failure_of, failure_of_call
from viva_llm.engines.openai_request import CHAT_PATH, PROMPT_PATH, Cleaner, upstream_request
from viva_llm.failure import Failure, Reason
from viva_llm.load import Load, parse_load
from viva_llm.settings import LLMSettings
from viva_llm.upstream.connection import Connection
from viva_llm.upstream.errors import BadResponse, BrokenOff, NoConnection, UnknownName, UpstreamError
from viva_llm.upstream.pool import Pool
from viva_llm.upstream.request_head import PostHead

_MAX_ERROR_BYTES = 64 * 1024
_MAX_MODELS_BYTES = 1024 * 1024
_MAX_METRICS_BYTES = 8 * 1024 * 1024
_MAX_CALL_BYTES = 64 * 1024 * 1024


class OpenAIEngine:
    """One server. Streams have a client of our own (docs/decisions/0008), everything else has aiohttp."""

    kind = "openai"
    hears = True
    completes = True

    def __init__(self, backend: str, url: str, settings: LLMSettings) -> None:
        self._backend = backend
        self._url = url
        self._root = url.removesuffix("/v1")
        self._cleaned = Cleaner()
        self._key = settings.key_of(backend)
        self._connect_s = settings.connect_timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._pool: Pool | None = None
        self._posts: dict[str, PostHead] = {}

    async def start(self) -> None:
        """Opens the session; connects to nothing yet. Raises EngineUnavailable for a key that cannot be sent."""
        fixed = _headers("text/event-stream") | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        try:
            self._posts = {path: PostHead(self._url + path, fixed) for path in (CHAT_PATH, PROMPT_PATH)}
        except ValueError as error:
            raise EngineUnavailable(f"The backend {self._backend} cannot be asked: {error}.") from None
        self._session = self._new_session()
        self._pool = Pool(self._url, connect_s=self._connect_s)

    @property
    def idle_connections(self) -> int:
        """How many connections are kept for the next answers."""
        return self._pool.idle

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=75, ttl_dns_cache=10),
            # Deadlines of the answer are the reader's business; a total would also bind us to one task.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Authorization": f"Bearer {self._key}"} if self._key else None,
        )

    async def close(self) -> None:
        """Closes every connection."""
        self._pool.close()
        await self._session.close()

    async def probe(self) -> tuple[ServedModel, ...]:
        """Asks for the server's models. Some servers have no such list; that they answer at all is enough then."""
        status, body, retry_after = await self._get(f"{self._url}/models", _MAX_MODELS_BYTES)
        if status not in (200, 404, 405):
            raise failure_of(status, error_of(body), retry_after)
        return served_models(body)

    async def load(self) -> Load | None:
        """Reads the server's metrics, if they are vLLM's."""
        status, body, retry_after = await self._get(f"{self._root}/metrics", _MAX_METRICS_BYTES)
        if status in (429, 500, 502, 503, 504):  # trouble; that it has no metrics is said otherwise
            raise failure_of(status, error_of(body), retry_after)
        return parse_load(body) if status == 200 else None

    async def stream(self, asked: Asked, model: str) -> AsyncGenerator[Delta]:
        """Relays the server's stream as deltas; closing this closes the connection, which stops the server's work."""
        path, body = upstream_request(asked, model, self._cleaned)
        connection = await self._ask(path, body)
        response, reader = connection.response, ChunkReader()
        try:
            await _check(connection)
            while not reader.done and (chunk := await connection.read()):
                for delta in reader.feed(chunk):
                    yield delta
            if not response.has_body:
                raise await self._why_nothing_came(path, body)
        except UpstreamError as error:
            if isinstance(error, BrokenOff) and not response.has_body:
                raise await self._why_nothing_came(path, body) from error
            raise _as_failure(error, "read") from error
        finally:
            connection.leave(ended=reader.done)

    async def _ask(self, path: str, body: bytes) -> Connection:
        head = self._posts[path].head(len(body), _of_this_request())
        try:
            return await self._pool.ask(head, body)
        except (UpstreamError, TimeoutError) as error:
            raise _as_failure(error, "connect") from error

    async def _why_nothing_came(self, path: str, body: bytes) -> Failure:
        """llama-cpp-python ends a stream that it refuses without a word; who asks for none gets a reason."""
        plain = orjson.loads(body) | {"stream": False, "max_tokens": 1}
        for name in ("stream_options", "max_completion_tokens"):
            plain.pop(name, None)
        try:
            # On a connection of its own: the server is about to close the one on which it broke off.
            async with self._new_session() as session, session.post(self._url + path, json=plain) as response:
                if response.status != 200:
                    said = error_of(await response.content.read(_MAX_ERROR_BYTES))
                    return failure_of(response.status, said, response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _as_failure(error, "connect")
        return Failure(Reason.BAD_STREAM, "its stream had nothing in it")

    async def call(self, path: str, body: dict) -> dict:
        """Posts to another endpoint; paths that begin with "../" are beside /v1 rather than below it."""
        url = f"{self._root}/{path[3:]}" if path.startswith("../") else f"{self._url}/{path}"
        response = await self._post(url, orjson.dumps(body), "application/json")
        try:
            if response.status != 200:
                error = error_of(await response.content.read(_MAX_ERROR_BYTES))
                raise failure_of_call(response.status, error, response.headers.get("Retry-After"))
            answer = await _read(response, _MAX_CALL_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_failure(error, "read") from error
        finally:
            response.close()
        return _json_object(answer)

    async def _get(self, url: str, most: int) -> tuple[int, bytes, str | None]:
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                return response.status, await _read(response, most), response.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_failure(error, "connect") from error

    async def _post(self, url: str, body: bytes, accept: str) -> aiohttp.ClientResponse:
        headers = _headers(accept) | _of_this_request()
        try:
            try:
                return await self._session.post(url, data=body, headers=headers, allow_redirects=False)
            except aiohttp.ServerDisconnectedError:
                # A kept connection that the server closed just as we took it. It has not read the request.
                return await self._session.post(url, data=body, headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_failure(error, "connect") from error


def _headers(accept: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Accept": accept, "Accept-Encoding": "identity"}


def _of_this_request() -> dict[str, str]:
    """Headers that tie a call to the request that it is made for."""
    headers = trace_headers()
    if request_id := current_request_id():
        headers["X-Request-ID"] = request_id
    return headers


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body. `content.read(n)` alone returns what happens to be there already."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise Failure(Reason.BAD_STREAM, "it sent more than such an answer can be")
    return bytes(body)


def _json_object(body: bytes) -> dict:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise Failure(Reason.BAD_STREAM, "it sent something that is no JSON object")
    return answer


async def _check(connection: Connection) -> None:
    response = connection.response
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status == 200 and kind == "text/event-stream":
        return
    body = b""
    while len(body) < _MAX_ERROR_BYTES and (more := await connection.read()):
        body += more
    error = error_of(body)
    if response.status != 200:
        raise failure_of(response.status, error, response.headers.get("retry-after"))
    if error:
        raise failure_of(500, error)
    raise Failure(Reason.BAD_STREAM, f"it sent {kind!r} where a stream of events was due")


def _as_failure(error: Exception, doing: str) -> Failure:
    """The one place where the errors of connections are told apart, aiohttp's and our own client's."""
    if isinstance(error, TimeoutError):  # aiohttp's timeouts are of this type too
        return Failure(Reason.TIMEOUT, f"it did not {doing} in time" if doing == "connect" else "it stopped sending")
    if isinstance(error, aiohttp.ClientConnectorDNSError | UnknownName):
        return Failure(Reason.CONNECT, "the name in its address is not known")
    if isinstance(error, aiohttp.ClientConnectorError | NoConnection):
        return Failure(Reason.CONNECT, "no connection to it")
    if isinstance(error, BadResponse):
        return Failure(Reason.BAD_STREAM, str(error))
    if doing == "read":
        return Failure(Reason.BAD_STREAM, "the connection broke in the middle of its answer")
    return Failure(Reason.CONNECT, "it closed the connection without an answer")


def served_models(body: bytes) -> tuple[ServedModel, ...]:
    """The models in a body of GET /models, in the server's order; () when it is no such list."""
    try:
        entries = orjson.loads(body)["data"]
        return tuple(ServedModel(str(entry["id"]), _context_of(entry)) for entry in entries)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return ()


def _context_of(entry: dict) -> int | None:
    """As vLLM says it, or llama.cpp's server: what one request may have, whatever the model was trained for."""
    meta = entry.get("meta")
    return _length(entry.get("max_model_len")) or _length(meta.get("n_ctx") if isinstance(meta, dict) else None)


def _length(given: object) -> int | None:
    return given if type(given) is int and given > 0 else None
