"""files/embed_text.py: the server of an embedding model is well when it embeds."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .chart import CHART


class Server:
    """What a stand-in for vLLM does: `status` of an embedding, None for one that does not come; `read` is what its
    metrics say, one after the other."""

    def __init__(
        self, status: int | None = 200, embedding: tuple[float, ...] = (0.5,), read: tuple[int, ...] = ()
    ) -> None:
        self.status = status
        self.embedding = embedding
        self.read = list(read)
        self.asked: list[tuple[str, dict]] = []
        self.over = threading.Event()


@contextmanager
def serving(server: Server) -> Iterator[str]:
    """Its address while it serves."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            total = server.read.pop(0) if len(server.read) > 1 else sum(server.read)
            self._send(200, f'vllm:prompt_tokens_total{{model_name="m"}} {float(total)}\n'.encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append((self.path, body))
            if server.status is None:
                server.over.wait(30)
                return
            self._send(server.status, json.dumps({"data": [{"embedding": server.embedding}]}).encode())

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
    """What the probe says of the server, run as the kubelet runs it."""
    with serving(server) as url:
        environ = {"PROBE_URL": url, "PROBE_MODEL": "m", "PATH": ""}
        command = [sys.executable, str(CHART / "files" / "embed_text.py"), "6"]
        return subprocess.run(command, env=environ, capture_output=True, check=False).returncode == 0


def test_one_embedding_is_enough():
    """It asks for one word's, of the model that is served, and for no token."""
    server = Server()
    assert is_well(server)
    assert server.asked == [("/v1/embeddings", {"model": "m", "input": "Hi"})]


@pytest.mark.parametrize("server", [Server(500), Server(404), Server(embedding=())], ids=["500", "404", "empty"])
def test_a_server_that_embeds_nothing_is_not_well(server):
    """A dead engine answers 500 while /health still says 200."""
    assert not is_well(server)


def test_a_busy_server_that_goes_on_reading_is_well():
    """The answer did not come in time, but others' texts were read meanwhile; where none were, it hangs."""
    assert is_well(Server(None, read=(100, 140)))
    assert not is_well(Server(None, read=(100,)))
