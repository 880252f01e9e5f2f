"""Records in Redis that another version of this service may have written: while it is updated both are at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

Record = TypeVar("Record")


def record(kind: type[Record], data: Mapping[str, Any]) -> Record:
    """A dataclass of what was stored of it, without the fields that only a newer version has.

    Raises TypeError when one is missing that this version cannot do without.
    """
    return kind(**{field.name: data[field.name] for field in fields(kind) if field.name in data})
