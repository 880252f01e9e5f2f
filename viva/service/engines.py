"""The engine seam: a table from a name to "module:Class", imported only when chosen."""

import importlib
from collections.abc import Mapping

from viva.errors import EngineUnavailable


def import_engine(table: Mapping[str, str], name: str, *, stage: str) -> type:
    """The class of engine `name`. Raises EngineUnavailable for an unknown name, and for one whose import fails."""
    if name not in table:
        known = ", ".join(sorted(table))
        raise EngineUnavailable(f"There is no {stage} engine called {name!r}; choose one of: {known}.")
    module_name, _, class_name = table[name].partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        missing = error.name or module_name
        raise EngineUnavailable(
            f"The {stage} engine {name!r} needs the Python package {missing!r}, which is not installed."
        ) from error
    return getattr(module, class_name)
