"""A real Alertmanager, and the webhook of somebody who is on call."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from viva.stack.part import Part
from viva.stack.ports import LOOPBACK, answers_ok
from viva.stack.prometheus import find_program

from .watched import clean_environment


@dataclass(frozen=True, slots=True)
class OnCall:
    """Everything that the webhook was sent."""

    url: str
    notified: list[dict] = field(default_factory=list)

    def told(self, alert: str, status: str) -> dict | None:
        """The first alert of this name and status, once it has come."""
        alerts = [each for notification in list(self.notified) for each in notification["alerts"]]
        wanted = (each for each in alerts if (each["labels"]["alertname"], each["status"]) == (alert, status))
        return next(wanted, None)


@contextmanager
def on_call() -> Iterator[OnCall]:
    """A web server that writes down what is posted to it."""
    notified: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            notified.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield OnCall(f"http://{LOOPBACK}:{server.server_port}", notified)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def alertmanager_part(folder: Path, port: int, webhook: str) -> Part:
    """The server on loopback: it tells the webhook at once, and of each alert by itself."""
    folder.mkdir(parents=True)
    told = {"receiver": "on-call", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    receiver = {"name": "on-call", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
    config = folder / "alertmanager.yml"
    config.write_text(json.dumps({"route": told, "receivers": [receiver]}))  # which is YAML, too
    url = f"http://{LOOPBACK}:{port}"
    command = [
        find_program("alertmanager", "prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
    ]
    return Part("alertmanager", command, clean_environment(), url, lambda: answers_ok(f"{url}/-/ready"))
