"""Where the command line prints: results to stdout, what happens meanwhile and errors to stderr."""

import os
import sys

from rich.console import Console
from rich.text import Text

from viva.cli.sentences import sentence_of
from viva.client import DEFAULT_URL
from viva.errors import VivaError

INDENT = 2


def out() -> Console:
    """Standard output. Without a terminal rich writes plain text: no colours, no control characters."""
    return Console(file=sys.stdout, highlight=False, markup=False, soft_wrap=True)


def err() -> Console:
    """Standard error, made like standard output."""
    return Console(file=sys.stderr, highlight=False, markup=False, soft_wrap=True)


def at(url: str) -> str:
    """What a command to copy has to add so that it reaches the same server: nothing where it is found anyway."""
    return "" if url == (os.environ.get("VIVA_URL") or DEFAULT_URL).rstrip("/") else f" --url {url}"


def printable(text: str) -> str:
    """The text on one line and without control characters: what a server sends must not move the cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def show_error(error: VivaError) -> None:
    """What happened and what to do, and the code for whoever looks it up."""
    first, *rest = sentence_of(error).splitlines() or [error.code]
    line = Text("✗ ", style="bold red")
    line.append(printable(first), style="bold")
    line.append(f" [{error.code}]", style="dim")
    err().print(line)
    for further in rest:
        err().print(Text(printable(further), style="dim"))
