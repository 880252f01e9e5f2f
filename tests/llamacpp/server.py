"""llama-cpp-python's own server and llama.cpp's with the tiny model, and the router, as parts of a stack."""

import json
import os
import sys
from pathlib import Path

import httpx
import pytest

from viva.stack.part import Part
from viva.stack.ports import LOOPBACK

HOME = Path(__file__).parents[2] / ".venv" / "llamacpp"
LIBRARIES = HOME / "build" / "bin"
MODEL = "tiny"
CONTEXT = 4096
START_S = 300.0  # of patience on a busy machine


def python_part(name: str, port: int, *flags: str) -> Part:
    """`python -m llama_cpp.server`."""
    size = ("--n_ctx", str(CONTEXT), "--n_threads", "1", "--verbose", "false")
    command = [str(HOME / "bin" / "python"), "-m", "llama_cpp.server", "--model_alias", MODEL, *size, *flags]
    return _part(name, port, command)


def llama_part(name: str, port: int) -> Part:
    """`llama-server`, which answers two at a time; each has half of the context that is given to both."""
    size = ("--ctx-size", str(2 * CONTEXT), "--parallel", "2", "--threads", "1")
    return _part(name, port, [str(LIBRARIES / "llama-server"), "--alias", MODEL, *size])


def _part(name: str, port: int, command: list[str]) -> Part:
    if not (HOME / "made-from").exists():
        pytest.fail("llama-cpp-python is not installed: run these tests with make test-llamacpp")
    url = f"http://{LOOPBACK}:{port}"
    return Part(
        name=name,
        command=[*command, "--model", str(HOME / "tiny.gguf"), "--host", LOOPBACK, "--port", str(port)],
        environ={**_outside(), "PYTHONUNBUFFERED": "1", "LLAMA_CPP_LIB_PATH": str(LIBRARIES)},
        url=url,
        is_ready=lambda: _answers(f"{url}/v1/models"),
        starts_first=True,
    )


def router_part(port: int, servers: dict[str, str], folder: Path) -> Part:
    """The llm service; each server is a backend under its name and, with the extractive answerer behind it, an alias
    `NAME-or-quotes`."""
    routes = folder / "routes.yaml"
    aliases = {f"{name}-or-quotes": [{"backend": name}, {"backend": "extractive"}] for name in servers}
    policy = {"backends": {name: {"url": f"{url}/v1"} for name, url in servers.items()}, "aliases": aliases}
    routes.write_text(json.dumps(policy))  # JSON is YAML
    settings = {
        "VIVA_LLM_ROUTES_FILE": str(routes),
        "VIVA_LLM_PROBE_INTERVAL_S": "0.2",
        "VIVA_LLM_LOAD_INTERVAL_S": "0.2",
        "VIVA_LLM_FIRST_TOKEN_TIMEOUT_S": "60",
        "VIVA_LLM_CHUNK_TIMEOUT_S": "60",
        "VIVA_HOST": LOOPBACK,
        "VIVA_PORT": str(port),
    }
    url = f"http://{LOOPBACK}:{port}"
    return Part(
        name="llm",
        command=[sys.executable, "-m", "viva_llm"],
        environ=_outside() | settings,
        url=url,
        is_ready=lambda: _answers(f"{url}/readyz"),
    )


def _outside() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
