"""S3 by the pod's role: what EKS puts into a pod's environment is what the orchestrator's object store goes by."""

import asyncio
import http.server
import json
import os
import threading
from collections.abc import Iterator

import pytest

from viva_orchestrator.objects import ObjectStore

AGENTS_PATH = "/v1/credentials"
KEY, SECRET, SESSION, POD_TOKEN = "ASIAROLE", "secret", "session", "token-of-the-pod"
UNTIL = "2100-01-01T00:00:00Z"
AGENTS_ANSWER = json.dumps({"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": SESSION, "Expiration": UNTIL})


class Amazon(http.server.BaseHTTPRequestHandler):
    """The Pod Identity agent and S3 in one; keeps what it was asked."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers))
        answer = AGENTS_ANSWER if self.path == AGENTS_PATH else ""
        self.send_response(200)
        self.send_header("ETag", '"etag"')
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_: object) -> None:
        """The test tells what matters."""


@pytest.fixture
def amazon() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Amazon) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_object_store_has_the_role_of_its_pod(amazon, monkeypatch, tmp_path):
    """By Pod Identity: the pod's token gets keys from the agent, over plain HTTP, and S3 is asked with them.

    STS, which IRSA asks, is asked over TLS alone, so that no stand-in can be here.
    """
    url = f"http://127.0.0.1:{amazon.server_port}"
    token = tmp_path / "token"
    token.write_text(POD_TOKEN)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # What the webhook of EKS adds to the container, and AWS_REGION, which the chart does.
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url + AGENTS_PATH)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    store = ObjectStore.open("s3://lectures/viva", s3_endpoint=url)
    asyncio.run(store.put("key", b"object"))
    (_, path, asked), (command, _, signed) = amazon.asked
    assert (path, asked["authorization"]) == (AGENTS_PATH, POD_TOKEN)
    assert command == "PUT"
    assert f"Credential={KEY}/" in signed["authorization"]
    assert signed["x-amz-security-token"] == SESSION
