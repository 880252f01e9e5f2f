"""A hub of models on loopback: lists the files of one repository at one commit, and sends them as the real one does."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

REPO = "team/model"
REVISION = "0123456789abcdef0123456789abcdef01234567"
LARGE = "model.safetensors"


class Hub:
    """What the hub has, how it misbehaves, and what it was asked for."""

    def __init__(self) -> None:
        self.files = {
            "config.json": b'{"a": 1}',
            LARGE: bytes(range(256)) * 4096,
            "original/weights.pth": b"not wanted",
        }
        self.listed: dict[str, bytes] = {}  # what the list says of a file, where it differs from what is sent
        self.sha = REVISION
        self.breaks_off = 0  # so many answers with a large file end in the middle
        self.token = ""
        self.elsewhere = ""  # another server, which large files are sent from
        self.asked: list[tuple[str, str, str]] = []  # path, Range and Authorization of each request

    def siblings(self) -> list[dict]:
        """The files as the list has them: large ones with a SHA-256, small ones with the hash of a git blob."""
        return [_entry(name, self.listed.get(name, data)) for name, data in self.files.items()]


def _entry(name: str, data: bytes) -> dict:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    entry = {"rfilename": name, "size": len(data), "blobId": blob}
    if name == LARGE:
        entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return entry


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        hub, path = self.hub, unquote(self.path.partition("?")[0])
        token = self.headers.get("Authorization", "")
        hub.asked.append((path, self.headers.get("Range", ""), token))
        if hub.token and token != f"Bearer {hub.token}":
            self._send(401, b"")
        elif path == f"/api/models/{REPO}/revision/{REVISION}":
            self._send(200, json.dumps({"sha": hub.sha, "siblings": hub.siblings()}).encode())
        elif path.startswith(start := f"/{REPO}/resolve/{REVISION}/") and path.removeprefix(start) in hub.files:
            self._file(path.removeprefix(start))
        else:
            self._send(404, b"")

    def _file(self, name: str) -> None:
        hub, data = self.hub, self.hub.files[name]
        if name == LARGE and hub.elsewhere:
            self.send_response(302)
            self.send_header("Location", hub.elsewhere + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        broken = name == LARGE and hub.breaks_off > 0
        hub.breaks_off -= broken
        self._send(206 if start else 200, data[start:], sent=len(data[start:]) // 2 if broken else None)

    def _send(self, status: int, body: bytes, *, sent: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """The hub's address while it serves."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
