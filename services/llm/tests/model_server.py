"""A model server that can break in every way, and the wire format that it speaks."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import orjson

from viva.stack.ports import free_ports

SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
HOLD = b""
"""A part of a stream at which the server waits until `released` is set."""

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def http_chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(**fields: object) -> bytes:
    """One server-sent event of a chat stream."""
    chunk = {"id": "x", "object": "chat.completion.chunk", "model": "theirs", **fields}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def text_event(text: str, finish_reason: str | None = None) -> bytes:
    """The event of one token."""
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}])


class ModelServer:
    """An OpenAI-compatible server on loopback, written byte by byte so that it can break in every way.

    Say what it does next with one of the `it_...` methods; `requests` holds the bodies that it was sent.
    """

    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.client_left = asyncio.Event()
        self.asked = asyncio.Event()
        self.released = asyncio.Event()
        self.running = asyncio.Event()
        """Cleared, it takes connections and says nothing on any of them, as a process that was stopped."""
        self.running.set()
        self.models: list[str | dict] = ["theirs"]
        self.metrics = b""
        self.metrics_status = 0
        """Status of /metrics; 0: as it is with or without any."""
        self.paths: list[str] = []
        self._reply: Reply = self._nothing
        self._server: asyncio.Server | None = None
        self._port = free_ports(1)[0]
        self._open: set[asyncio.Task] = set()

    @property
    def url(self) -> str:
        """Its base URL, also while it is down."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def start(self) -> None:
        """Listens, on the same port each time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def stop(self) -> None:
        """Refuses connections from now on."""
        self._server.close()
        for connection in list(self._open):
            connection.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def it_answers(self, *texts: str, usage: dict | None = None, gap_s: float = 0.0, done: bool = True) -> None:
        """A whole, good answer."""
        events = [event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])]
        events += [text_event(text) for text in texts]
        events.append(event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        if usage:
            events.append(event(choices=[], usage=usage))
        self.it_sends(*events, *([b"data: [DONE]\n\n"] if done else []), gap_s=gap_s)

    def it_sends(self, *parts: bytes, end: str = "clean", gap_s: float = 0.0, content_type: str = "") -> None:
        """A stream of these bytes (and HOLDs) that then ends `clean`, is `cut`, or `hang`s open."""

        async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = SSE_HEAD.replace(b"text/event-stream", content_type.encode()) if content_type else SSE_HEAD
            writer.write(head)
            for part in parts:
                if part is HOLD:
                    await self.released.wait()
                    continue
                writer.write(http_chunk(part))
                await writer.drain()
                await asyncio.sleep(gap_s)
            if end == "clean":
                writer.write(LAST_CHUNK)
            elif end == "cut":
                writer.transport.abort()
            else:
                await self._until_left(reader)

        self._reply = reply

    def it_streams_forever(self) -> None:
        """Tokens without end, until the client leaves."""

        async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(SSE_HEAD)
            leaving = asyncio.create_task(self._until_left(reader))
            while not leaving.done():
                await writer.drain()
                writer.write(http_chunk(text_event("word ")))
                await asyncio.sleep(0.01)

        self._reply = reply

    def it_hangs(self) -> None:
        """Takes the request and says nothing."""

        async def reply(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await self._until_left(reader)

        self._reply = reply

    def it_fails(self, status: int, body: object = None, headers: str = "") -> None:
        """An HTTP error."""

        async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(_whole(status, orjson.dumps(body if body is not None else {}), headers))

        self._reply = reply

    def it_says(self, body: object) -> None:
        """A whole JSON object, as endpoints have it that do not stream."""
        self.it_fails(200, body)

    def it_hangs_up(self, times: int = 1_000) -> None:
        """Closes the connection instead of answering, the first few times; then answers "ok"."""
        self.it_answers("ok")
        good, left = self._reply, times

        async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal left
            left -= 1
            if left >= 0:
                raise ConnectionResetError
            else:
                await good(reader, writer)

        self._reply = reply

    def then(self, change: Callable[[], None]) -> None:
        """After the next request it does what `change` says."""
        now = self._reply

        async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            change()
            await now(reader, writer)

        self._reply = reply

    async def _nothing(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_whole(500, b"{}", ""))

    async def _until_left(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        self.client_left.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(asyncio.current_task())
        try:
            while not writer.is_closing():
                await self._one_request(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(asyncio.current_task())
            writer.transport.abort()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        await self.running.wait()
        if head[0].startswith("GET /metrics"):
            writer.write(_whole(self.metrics_status or (200 if self.metrics else 404), self.metrics, ""))
            return
        if head[0].startswith("GET"):
            models = [model if isinstance(model, dict) else {"id": model} for model in self.models]
            writer.write(_whole(200, orjson.dumps({"data": models}), ""))
            return
        self.paths.append(head[0].split(" ")[1])
        self.requests.append(orjson.loads(body))
        self.headers.append(headers)
        self.asked.set()
        await self._reply(reader, writer)


def _whole(status: int, body: bytes, headers: str) -> bytes:
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def chat(*questions: str, **fields: object) -> dict:
    """A request body with these user messages."""
    return {"messages": [{"role": "user", "content": question} for question in questions or ("Why?",)], **fields}


def sse(body: str) -> list:
    """The data of the events of a stream: parsed JSON, and "[DONE]"."""
    data = [line.removeprefix("data: ") for line in body.split("\n") if line.startswith("data: ")]
    return [entry if entry == "[DONE]" else orjson.loads(entry) for entry in data]
