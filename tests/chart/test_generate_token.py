"""files/generate_token.py: a vLLM server is well when it generates, and not when it merely answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .scripts import load

SECONDS = 3.0  # of which a server that holds its answer back gets two


class Server:
    """What a stand-in for vLLM does: `answer` is the status of a chat, None for one that does not come."""

    def __init__(
        self, answer: int | None = 200, generated: list[int] | None = None, completion_tokens: int = 1
    ) -> None:
        self.answer = answer
        self.generated = generated  # what /metrics says, one after the other; None: it has no such metric
        self.completion_tokens = completion_tokens
        self.bodies: list[dict] = []
        self.keys: list[str | None] = []
        self.over = threading.Event()


@contextmanager
def serving(server: Server) -> Iterator[str]:
    """Its address while it serves."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            total = None
            if server.generated:
                total = server.generated.pop(0) if len(server.generated) > 1 else server.generated[0]
            lines = ["# TYPE vllm:generation_tokens_total counter"]
            if total is not None:
                lines.append(f'vllm:generation_tokens_total{{engine="0",model_name="m"}} {float(total)}')
            self._send(200, "\n".join(lines).encode())

        def do_POST(self) -> None:
            server.keys.append(self.headers.get("Authorization"))
            server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if server.answer is None:
                server.over.wait(30)
                return
            self._send(server.answer, json.dumps({"usage": {"completion_tokens": server.completion_tokens}}).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        server.over.set()
        http.shutdown()
        thread.join()
        http.server_close()


def is_well(server: Server) -> bool:
    """What the probe says of the server."""
    with serving(server) as url:
        return load("generate_token").is_well(url, "m", SECONDS)


def test_one_token_is_enough():
    """It asks for exactly one, of the model that is served."""
    server = Server()
    assert is_well(server)
    assert [(body["model"], body["max_tokens"]) for body in server.bodies] == [("m", 1)]


def test_it_knows_the_key_of_the_server(monkeypatch):
    """A server that asks for a key is not taken for a dead one."""
    server = Server()
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    assert is_well(server)
    assert server.keys == ["Bearer secret"]


@pytest.mark.parametrize("status", [500, 503, 404])
def test_a_server_that_refuses_is_not_well(status):
    """A dead engine answers 500 while /health still says 200."""
    assert not is_well(Server(answer=status))


def test_an_answer_without_a_token_is_not_enough():
    """A 200 that generated nothing is what /health would have been."""
    assert not is_well(Server(completion_tokens=0))


def test_a_busy_server_that_goes_on_generating_is_well():
    """The token did not come in time, but others got theirs meanwhile."""
    assert is_well(Server(answer=None, generated=[100, 140]))


def test_a_server_that_hangs_is_not_well():
    """Nothing came, and nothing was generated for anybody."""
    assert not is_well(Server(answer=None, generated=[100]))


def test_a_hanging_server_without_the_metric_is_not_well():
    """Not knowing is not being well."""
    assert not is_well(Server(answer=None))


def test_nobody_there_is_not_well():
    """While vLLM starts, its port is closed."""
    assert not load("generate_token").is_well("http://127.0.0.1:9", "m", SECONDS)
