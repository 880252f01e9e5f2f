"""The Range header of HTTP (RFC 9110, section 14), for one range of bytes."""

from __future__ import annotations

import re

from viva.errors import InvalidRequest

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


class RangeNotSatisfiable(InvalidRequest):
    """The range lies beyond the end. The response must say how many bytes there are."""

    status = 416
    default_code = "range_not_satisfiable"


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes [start, end) that a Range header asks for of a file of `size` bytes.

    None where the whole file is the answer: no header, one that is no range of bytes, or several ranges, which a
    server may ignore. Raises `RangeNotSatisfiable`.
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise RangeNotSatisfiable(f"The file has only {size} bytes.", param="Range")
    return start, end
