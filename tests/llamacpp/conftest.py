"""Three servers behind a router, started once: llama-cpp-python's, as it comes and with `--interrupt_requests false`,
and llama.cpp's own."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import orjson
import pytest

from viva.stack.part import RunningPart
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

from .server import START_S, llama_part, python_part, router_part

AS_IT_COMES, PATIENT, LLAMA_CPP = "as-it-comes", "patient", "llama-cpp"
ALL = (AS_IT_COMES, PATIENT, LLAMA_CPP)


@dataclass(frozen=True, slots=True)
class Router:
    """The router's client, and the servers behind it by name."""

    http: httpx.Client
    servers: dict[str, RunningPart]

    def ask(self, model: str, content: object = "Why?", **fields: object) -> httpx.Response:
        """A chat with one message."""
        body = {"model": model, "messages": [{"role": "user", "content": content}], "temperature": 0, **fields}
        return self.http.post("/v1/chat/completions", json=body)

    def replica(self, name: str) -> dict:
        """What /status says of a backend's only replica."""
        backends = self.http.get("/status").json()["backends"]
        (replica,) = next(backend["replicas"] for backend in backends if backend["name"] == name)
        return replica

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Returns as soon as it is so."""
        deadline = time.monotonic() + START_S
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="session")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """All of it, up."""
    folder = tmp_path_factory.mktemp("llamacpp")
    first, second, third, own = free_ports(4)
    servers = [
        python_part(AS_IT_COMES, first),
        python_part(PATIENT, second, "--interrupt_requests", "false"),
        llama_part(LLAMA_CPP, third),
    ]
    parts = [*servers, router_part(own, {server.name: server.url for server in servers}, folder)]
    with Stack(parts, folder / "logs") as stack:
        stack.start(START_S)
        with httpx.Client(base_url=stack["llm"].part.url, timeout=120, trust_env=False) as client:
            yield Router(client, {server.name: stack[server.name] for server in servers})


def events(body: str) -> list:
    """The data of a stream's events: parsed JSON, and "[DONE]"."""
    data = [line.removeprefix("data: ") for line in body.split("\n") if line.startswith("data: ")]
    return [entry if entry == "[DONE]" else orjson.loads(entry) for entry in data]
