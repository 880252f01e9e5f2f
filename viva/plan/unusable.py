"""What is wrong with a file that a plan is to be made of."""

import tomllib
from pathlib import Path
from typing import Any

from viva.errors import VivaError


class Unusable(VivaError):
    """A report, habits, prices or nodes from which nothing can be planned; the message says why."""

    default_code = "wrong_plan"


class OutOfReach(Unusable):
    """An objective that no number of replicas holds.

    `wanted` says what cannot be held, `reached` what is reached instead; neither is a whole sentence.
    """

    def __init__(self, wanted: str, reached: str) -> None:
        super().__init__(
            f"No number of replicas holds {wanted}: {reached}. Allow more time (--slo), or take a faster node (--gpu)."
        )
        self.wanted = wanted
        self.reached = reached


def read_text(path: Path) -> str:
    """The content of a file; bytes that are no text raise ValueError. Raises Unusable when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Unusable(f"There is no file {path}.") from None
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}.") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises Unusable."""
    try:
        return tomllib.loads(read_text(path))
    except ValueError as error:
        raise Unusable(f"{path} is not TOML: {error}.") from None


def is_number(value: object) -> bool:
    """Whether it is a number that something can take or cost."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
