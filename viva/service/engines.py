"""The engine seam: a table from a name to "module:Class", imported only when chosen."""

import importlib
import re
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires

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
            + _how_to_install(missing, module_name)
        ) from error
    return getattr(module, class_name)


def _how_to_install(missing: str, module_name: str) -> str:
    """The command, where the metadata of the service's own package names what is missing, be it as an extra."""
    service = module_name.partition(".")[0].replace("_", "-")
    try:
        wanted = requires(service) or []
    except PackageNotFoundError:
        return ""
    package = re.compile(re.escape(missing.partition(".")[0]) + r"\s*(?:\[[^]]*\])?\s*==\s*[^\s;]+", re.IGNORECASE)
    found = next(filter(None, map(package.match, wanted)), None)
    return f" Install it with: {sys.executable} -m pip install '{found[0]}'" if found else ""
