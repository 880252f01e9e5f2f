"""Reads a table of numbers into a dataclass, and says in a sentence what is wrong with one."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from viva.plan.unusable import Unusable, is_number

Row = TypeVar("Row")


def row(kind: type[Row], found: Any, where: str) -> Row:
    """The table as that dataclass. Raises Unusable for a name that it does not know, lacks, or that is no number."""
    if not isinstance(found, Mapping):
        raise Unusable(f"{where} is missing, or is no table.")
    known = {field.name: field for field in fields(kind)}
    for name, value in found.items():
        if name not in known:
            raise Unusable(f"{where} has {name!r}; it knows {', '.join(known)}.")
        if known[name].type in (float, "float") and not is_number(value):
            raise Unusable(f"{name} of {where} is {value!r}; it has to be a number, 0 or more.")
        if known[name].type in (str, "str") and not isinstance(value, str):
            raise Unusable(f"{name} of {where} is {value!r}; it has to be a text.")
    missing = [name for name, field in known.items() if field.default is MISSING and name not in found]
    if missing:
        raise Unusable(f"{where} lacks {', '.join(missing)}.")
    return kind(**found)
