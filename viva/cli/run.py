"""`viva run`: the whole stack on this machine, until Ctrl-C."""

import contextlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.text import Text

import viva
from viva.cli.console import out, printable
from viva.cli.startup import ready_line, refuse_unknown_variables, start_with_lines
from viva.stack.folder import only_one
from viva.stack.logs import LogTail
from viva.stack.named import named
from viva.stack.observers import observers
from viva.stack.plan import Place, plan
from viva.stack.ports import require_free
from viva.stack.signals import Stopped, stop_signals_raise
from viva.stack.stack import Stack
from viva.stack.supervisor import Supervisor

_LOOK_EVERY_S = 0.2
_SAMPLE_QUESTION = "Who made the first integrated circuit?"


def keep_up(place: Place, *, verbose: bool, observe: bool = False) -> int:
    """Runs until a signal asks to stop and returns the exit status. Raises VivaError for what stops the start."""
    console = out()
    refuse_unknown_variables()
    try:
        with stop_signals_raise(), only_one(place.folder) as lock:
            require_free(place.host, place.port)
            parts = plan(place, os.environ)
            if observe:
                parts += observers(place, parts, os.environ)
            with Stack(parts, place.logs, held=[lock]) as stack:
                try:
                    _serve(stack, place, console, verbose=verbose)
                except Stopped:
                    _say(console, "\nStopping …")
                    raise
    except Stopped:
        _say(console, "Everything has stopped.")
    return 0


def _serve(stack: Stack, place: Place, console: Console, *, verbose: bool) -> None:
    console.print(f"Viva {viva.__version__}")
    start_with_lines(stack, console)
    _print_silent(console)
    _print_directions(place, stack, console)
    tail = LogTail(stack.parts) if verbose else None
    supervisor = Supervisor(
        stack,
        on_death=lambda text: console.print(Text(text, style="yellow")),
        on_ready=lambda part: console.print(ready_line(part, time.monotonic() - part.started_at)),
    )
    while True:
        supervisor.step()
        for name, line in tail.new_lines() if tail else ():
            console.print(Text(f"{name:>12} │ ", style="dim") + Text(printable(line)))
        time.sleep(_LOOK_EVERY_S)


def _print_directions(place: Place, stack: Stack, console: Console) -> None:
    viva_command = os.path.relpath(Path(sys.executable).with_name("viva"))
    url = "" if place.port == 8080 else f" --url {place.url}"
    console.print(f"\n  Page: {place.url}{'':6}API: {place.url}/docs{'':6}Logs: {place.logs}{os.sep}")
    _print_observers(stack, console)
    console.print(f'\n  {viva_command} ask --lecture sample --text "{_SAMPLE_QUESTION}"{url}')
    console.print(f"  {viva_command} status{url}\n")
    console.print("`make models` fetches better speech models. Ctrl-C stops everything.")


def _print_silent(console: Console) -> None:
    parts = list(named(os.environ))
    with ThreadPoolExecutor() as pool:  # at once: each may take its two seconds
        listening = list(pool.map(lambda part: part.listens, parts))
    for part, listens in zip(parts, listening, strict=True):
        if not listens:  # it may still come, and the services find it then
            where = f"Nobody answers at {part.address}, which {part.variable} names"
            console.print(Text(f"  ! {where}: until then {part.without}.", style="yellow"))


def _print_observers(stack: Stack, console: Console) -> None:
    watching = {part.name: part.part.url for part in stack.parts if part.name in ("prometheus", "grafana")}
    if "prometheus" in watching:
        console.print(f"  Prometheus, with graphs and alerts: {watching['prometheus']}")
        if "grafana" in watching:
            console.print(f"  Grafana, with the dashboards: {watching['grafana']}/dashboards")
        else:
            console.print("  Grafana is not installed: k8s/grafana has the dashboards for one that is elsewhere.")


def _say(console: Console, text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone: that is one of the reasons to stop
        console.print(text)
