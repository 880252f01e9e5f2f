"""Stems of one family: "inventor" and "invent", "microprocessor" and "processor"; a stemmer keeps them apart."""

from collections.abc import Iterable

_LEAST_LETTERS = 4
_LEAST_ALIKE = 5
_SHARE_ALIKE = 0.7
_MOST_ADDED = 3  # letters, where one stem begins with the whole of the other
_LEAST_ENDING = 6  # letters, where one ends with the whole of the other


class StemFamilies:
    """The stems of a lecture, to be asked for the relatives of a stem."""

    def __init__(self, stems: Iterable[str]) -> None:
        self._stems = [stem for stem in stems if len(stem) >= _LEAST_LETTERS]
        self._by_start: dict[str, list[str]] = {}
        for stem in self._stems:
            self._by_start.setdefault(stem[:_LEAST_LETTERS], []).append(stem)
        self._long = [stem for stem in self._stems if len(stem) >= _LEAST_ENDING]

    def of(self, stem: str) -> list[str]:
        """The stems of the lecture that begin like this one, or that hold it whole at their end; never itself."""
        if len(stem) < _LEAST_LETTERS:
            return []
        found = [
            other for other in self._by_start.get(stem[:_LEAST_LETTERS], ()) if _begin_alike(stem, other)
        ]
        if len(stem) >= _LEAST_ENDING:
            found += [other for other in self._long if other.endswith(stem) or stem.endswith(other)]
        return [other for other in dict.fromkeys(found) if other != stem]


def _begin_alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    alike = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if alike == len(short) and len(long) - len(short) <= _MOST_ADDED:
        return True
    return alike >= max(_LEAST_ALIKE, _SHARE_ALIKE * len(long))
