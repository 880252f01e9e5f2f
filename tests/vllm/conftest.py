"""Two replicas of a tiny Llama behind the router and the orchestrator, started once for all tests that use them."""

from collections.abc import Iterator

import pytest

from viva.stack.ports import free_ports

from .server import vllm_part
from .viva_stack import Viva, running_viva


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viva]:
    ports = free_ports(2)
    servers = [vllm_part(f"vllm-{number}", "text", "tiny", port) for number, port in enumerate(ports)]
    with running_viva(tmp_path_factory.mktemp("text"), "tiny", servers) as viva:
        yield viva


@pytest.fixture
def viva(started: Viva) -> Viva:
    """All of it, with both replicas up."""
    started.restart_dead()
    return started
