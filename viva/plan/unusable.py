"""What is wrong with a file that a plan is to be made of."""

import json
import tomllib
from pathlib import Path
from typing import Any

from viva.errors import VivaError


class Unusable(VivaError):
    """A report, habits, prices or nodes from which nothing can be planned; the message says why."""

    default_code = "wrong_plan"


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises Unusable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Unusable(_why(path, error, "JSON")) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises Unusable."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Unusable(_why(path, error, "TOML")) from None


def _why(path: Path, error: Exception, kind: str) -> str:
    if isinstance(error, FileNotFoundError):
        return f"There is no file {path}."
    if isinstance(error, OSError):
        return f"{path} cannot be read: {error.strerror}."
    return f"{path} is not {kind}: {error}."


def is_number(value: object) -> bool:
    """Whether it is a number that something can take or cost."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
