"""A model server that costs next to nothing: tokens at a set pace, each saying when it was sent.

    python -m benchmarks.paced_model PORT

Speaks just enough of the OpenAI API to be a backend. A request's `max_tokens` is the number of tokens, its `seed` their
number per second, and its first token comes at once. The text of a token is `@<sent>@`, of the first
`@<sent>@<request came>@`, both in seconds of the clock that all processes of a machine share.
"""

import asyncio
import json
import sys
import time

import uvloop

# As long as the events of vLLM are: 240 bytes.
EVENT = (
    'data: {"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion.chunk","created":1700000000,'
    '"model":"paced","choices":[{"index":0,"delta":{"content":"%s"},"logprobs":null,"finish_reason":null}]}\n\n'
)
FINISH = (
    'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":1700000000,"model":"paced",'
    '"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
MODELS = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{"data":[{"id":"paced"}]}'


class PacedModel(asyncio.Protocol):
    """One connection, on which requests follow one another."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_lost(self, _error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        came = time.monotonic()
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET"):
            self._received = b""
            self._transport.write(MODELS)
            return
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if len(body) < int(lengths[0].partition(b":")[2]):
            return
        self._received = b""
        if b"/completions " not in head.partition(b"\r\n")[0]:
            self._transport.write(NOT_FOUND)
            return
        asked = json.loads(body)
        self._left, self._gap_s = asked.get("max_tokens", 1), 1 / asked.get("seed", 30)
        self._due = asyncio.get_running_loop().time()
        self._transport.write(STREAM)
        self._token(f"{came:.6f}@")

    def _token(self, more: str = "") -> None:
        self._send(EVENT % f"@{time.monotonic():.6f}@{more}")
        self._left -= 1
        if not self._left:
            self._send(FINISH)
            self._transport.write(b"0\r\n\r\n")
            return
        self._due += self._gap_s
        self._timer = asyncio.get_running_loop().call_at(self._due, self._token)

    def _send(self, text: str) -> None:
        data = text.encode()
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data))


async def serve(port: int) -> None:
    """Serves until it is killed."""
    server = await asyncio.get_running_loop().create_server(PacedModel, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
