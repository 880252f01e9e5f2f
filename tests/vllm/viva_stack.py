"""Viva in front of vLLM: the real orchestrator and router, with a recogniser and a voice that only pretend."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from viva import events
from viva.client import VivaClient
from viva.stack.part import Part, RunningPart
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

from .lectures import Lectures
from .server import Counters, settled

START_S = 400.0  # of patience on a busy machine
ANSWER_TOKENS = 600
FIRST_TOKEN_S, CHUNK_S = 8.0, 4.0
SETTINGS = {
    "VIVA_ASR_ENGINE": "fake",
    "VIVA_TTS_ENGINE": "fake",
    "VIVA_ANSWER_MAX_TOKENS": str(ANSWER_TOKENS),
    "VIVA_CONTEXT_COUNT_S": "10",
    "VIVA_LLM_PROBE_INTERVAL_S": "0.5",
    "VIVA_LLM_LOAD_INTERVAL_S": "0.5",
    "VIVA_LLM_REST_S": "2",
}


@dataclass(frozen=True, slots=True)
class Viva:
    """A running stack, its model servers, and lectures to ask about."""

    stack: Stack
    replicas: tuple[RunningPart, ...]
    lectures: Lectures

    def ask(self, lecture_id: str, question: str = "What is it about?", session_id: str | None = None) -> events.Done:
        """The `done` of a turn; anything else fails the test."""
        last = self.events(lecture_id, question, session_id)[-1]
        assert isinstance(last, events.Done), last
        return last

    def events(self, lecture_id: str, question: str, session_id: str | None = None) -> list[events.Event]:
        """All events of a turn."""
        with self.client() as client:
            return list(client.ask(session_id, lecture_id, question))

    def client(self) -> VivaClient:
        """A client of the orchestrator."""
        return VivaClient(self.stack["orchestrator"].part.url)

    def counters(self) -> list[Counters]:
        """What each model server has counted, once it has counted everything."""
        return [settled(replica) for replica in self.replicas]

    def since(self, before: Sequence[Counters]) -> list[Counters]:
        """The same since an earlier time."""
        return [now - then for now, then in zip(self.counters(), before, strict=True)]

    def states(self) -> list[str]:
        """What the router says of each model server."""
        status = httpx.get(f"{self.stack['llm'].part.url}/status", timeout=10, trust_env=False).json()
        known = {replica["address"]: replica["state"] for replica in status["backends"][0]["replicas"]}
        return [known[f"{replica.part.url}/v1"] for replica in self.replicas]

    def wait_for(self, replica: RunningPart, *states: str) -> None:
        """Returns when the router says one of these of a model server."""
        deadline = time.monotonic() + START_S
        while (state := self.states()[self.replicas.index(replica)]) not in states:
            if time.monotonic() > deadline:
                pytest.fail(f"{replica.name} is {state}, and not {' or '.join(states)}")
            time.sleep(0.2)

    def restart_dead(self) -> None:
        """Starts model servers again that a test has ended, and waits until the router uses them."""
        for replica in self.replicas:
            if replica.has_died:
                self.stack.restart(replica)
        for replica in self.replicas:
            while not replica.check_ready():
                assert not replica.has_died, replica.last_lines(20)
                time.sleep(0.5)
            self.wait_for(replica, "up", "half_open")


@contextmanager
def running_viva(folder: Path, model: str, servers: Sequence[Part], **settings: str) -> Iterator[Viva]:
    """Viva whose default alias is `model` on these servers, and then the extractive answerer."""
    place = Place(folder, free_ports(1)[0])
    route = {"backend": "vllm", "model": model, "first_token_s": FIRST_TOKEN_S, "chunk_s": CHUNK_S}
    policy = {
        "backends": {"vllm": {"url": [f"{server.url}/v1" for server in servers]}},
        "aliases": {"default": [route, {"backend": "extractive"}]},
    }
    routes_file = folder / "routes.yaml"
    routes_file.write_text(yaml.safe_dump(policy))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}
    environ |= SETTINGS | {"VIVA_LLM_ROUTES_FILE": str(routes_file)}
    environ |= {name: value.replace("ORCHESTRATOR", place.url) for name, value in settings.items()}
    with Stack([*servers, *plan(place, environ)], place.logs) as stack:
        stack.start(START_S)
        replicas = tuple(stack[server.name] for server in servers)
        yield Viva(stack, replicas, Lectures(folder / "data" / "objects"))
