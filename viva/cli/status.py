"""`viva status`."""

import json
import sys
from typing import Any

from rich.text import Text

from viva.cli.console import out, printable
from viva.client import VivaClient


def show_status(url: str, *, as_json: bool) -> None:
    """Prints a line per stage: its engine, its model, and why it was taken; with `as_json` the server's own words."""
    with VivaClient(url) as client:
        found = client.status()
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    console = out()
    console.print(f"Viva {found.get('version', '')} at {client.url}")
    for name, stage in found.get("stages", {}).items():
        console.print(Text(f"  {name:<13}", style="cyan") + Text(describe(stage)))
    if "active_turns" in found:
        console.print(
            Text(f"  {'turns':<13}", style="cyan")
            + Text(f"{found['active_turns']} active, {found.get('max_active_turns', '?')} at most")
        )


def describe(stage: Any, *, with_reason: bool = True) -> str:
    """ "pocketsphinx en-us (no Whisper model is present)", or that the stage is unavailable."""
    if not isinstance(stage, dict) or not stage.get("engine"):
        return "unavailable"
    model = "" if stage.get("model") in (None, "", stage["engine"]) else f" {stage['model']}"
    why = f" ({stage['why']})" if with_reason and stage.get("why") else ""
    return printable(f"{stage['engine']}{model}{why}")
