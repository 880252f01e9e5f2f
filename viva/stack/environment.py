"""The VIVA_... variables there are, and a sentence for one that there is not."""

import difflib
import importlib
from collections.abc import Iterable

from viva.service.settings import ServiceSettings, variable_name

SERVICES = ("asr", "llm", "tts", "orchestrator")
LAUNCHER_VARIABLES = ("VIVA_URL", "VIVA_DATA_DIR")
"""Read by the command line, not by a service."""


def settings_classes() -> dict[str, type[ServiceSettings]]:
    """The settings of each service: the one class that its `settings` module defines."""
    found = {}
    for service in SERVICES:
        module = importlib.import_module(f"viva_{service}.settings")
        found[service] = next(
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, ServiceSettings) and value.__module__ == module.__name__
        )
    return found


def known_variables() -> set[str]:
    """Every VIVA_... variable that a service or the command line reads."""
    known = set(LAUNCHER_VARIABLES)
    for cls in settings_classes().values():
        known.update(variable_name(cls, field) for field in cls.model_fields)
    return known


def unknown_variable_sentences(environ: Iterable[str], known: Iterable[str]) -> list[str]:
    """One sentence for each variable in `environ` that begins with VIVA_ and is not known."""
    known = sorted(known)
    sentences = []
    for name in sorted(environ):
        if not name.startswith("VIVA_") or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
        hint = f"did you mean {near[0]}?" if near else "the README lists those there are."
        sentences.append(f"{name} is not a variable that Viva reads: {hint}")
    return sentences
