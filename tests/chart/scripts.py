"""The scripts that the chart puts into its pods, loaded from the chart's files."""

import importlib.util
from types import ModuleType

from .chart import CHART


def load(name: str) -> ModuleType:
    """files/NAME.py as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"chart_files_{name}", CHART / "files" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
