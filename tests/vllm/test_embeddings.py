"""A server that embeds and does not chat, behind the router."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from viva.stack.ports import free_ports

from .server import vllm_part
from .viva_stack import Viva, running_viva

PROBES = Path(__file__).parents[2] / "charts" / "viva" / "files"


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viva]:
    """The tiny Llama, made to embed."""
    server = vllm_part("vllm-embed", "text", "tiny-embed", free_ports(1)[0], "--runner=pooling", "--convert=embed")
    with running_viva(tmp_path_factory.mktemp("embed"), "tiny-embed", [server]) as viva:
        yield viva


def test_embeddings_come_through_the_router(embedding: Viva):
    """One vector for each text, the same for the same text."""
    body = {"model": "tiny-embed", "input": ["a transistor", "a marathon", "a transistor"]}
    url = f"{embedding.stack['llm'].part.url}/v1/embeddings"
    answer = httpx.post(url, json=body, timeout=60, trust_env=False).raise_for_status().json()
    one, other, same = (entry["embedding"] for entry in answer["data"])
    assert len(one) == 256
    assert one == pytest.approx(same, abs=1e-3)
    assert one != pytest.approx(other, abs=1e-3)
    assert answer["usage"]["prompt_tokens"] > 3


def test_a_question_is_answered_by_the_next_route(embedding: Viva):
    """The server has no chat; that is no reason to fail, nor to eject it."""
    done = embedding.ask(embedding.lectures.add(3), "Who made the first integrated circuit?")
    assert done.degraded == "llm:extractive"
    assert embedding.states() == ["up"]


@pytest.mark.parametrize(("probe", "status"), [("embed_text.py", 0), ("generate_token.py", 1)])
def test_the_charts_probe_of_embeddings_finds_it_well(embedding: Viva, probe: str, status: int):
    """The one that generates a token, which this server cannot, would keep it from ever being ready."""
    environ = {"PROBE_URL": embedding.replicas[0].part.url, "PROBE_MODEL": "tiny-embed"}
    command = [sys.executable, str(PROBES / probe), "30"]
    assert subprocess.run(command, env=environ, check=False).returncode == status
