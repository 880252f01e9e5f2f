"""Starting a stack with a line for every part, for `viva run` and `viva demo`."""

import os
import time
from collections.abc import Mapping

import httpx
from rich.console import Console
from rich.text import Text

from viva.cli.status import describe
from viva.errors import EngineUnavailable
from viva.stack.environment import known_variables, unknown_variable_sentences
from viva.stack.part import RunningPart
from viva.stack.stack import Stack

START_TIMEOUT_S = 120.0
_STATUS_PATIENCE_S = 2.0


class UnknownVariable(EngineUnavailable):
    """A VIVA_... variable that nothing reads."""

    default_code = "unknown_variable"


def refuse_unknown_variables(environ: Mapping[str, str] = os.environ) -> None:
    """Raises UnknownVariable for a misspelt variable, which would otherwise do nothing, silently."""
    sentences = unknown_variable_sentences(environ, known_variables())
    if sentences:
        raise UnknownVariable("\n".join(sentences))


def start_with_lines(stack: Stack, console: Console) -> None:
    """Starts the stack and prints a line as each part becomes ready. Raises PartFailed."""
    started = time.monotonic()
    with console.status("  starting"):  # a spinner on a terminal, nothing elsewhere
        stack.start(START_TIMEOUT_S, lambda part: console.print(ready_line(part, time.monotonic() - started)))


def ready_line(part: RunningPart, took_s: float) -> Text:
    """A mark, the part's name, what it runs on and how long it took."""
    line = Text("  ✓ ", style="green")
    line.append(f"{part.name:<13}", style="cyan")
    line.append(f"{took_s:4.1f} s  ", style="dim")
    line.append(what_it_runs_on(part))
    return line


def what_it_runs_on(part: RunningPart) -> str:
    """The engine and its model, as the part's own /status says; its address where there is no engine."""
    if part.name in ("redis", "orchestrator", "prometheus", "grafana"):
        return part.part.url
    try:
        reply = httpx.get(f"{part.part.url}/status", timeout=_STATUS_PATIENCE_S, trust_env=False)
        return describe(reply.json(), with_reason=False)
    except (httpx.HTTPError, ValueError):
        return part.part.url
