"""Takes citation marks out of an answer while it streams. No I/O."""

import re

# [12], [3, 4], [3-5], also with a caret or in the full-width brackets that some models write.
_MARK = re.compile(r"[\[【]\s*\^?\d{1,5}(?:\s*[,;–-]\s*\^?\d{1,5})*\s*[\]】]")
_POSSIBLE_MARK = re.compile(r"[\[【][\s\d,;^–-]*$")
_MAX_MARK = 64
_MAX_RANGE = 8


class CitationParser:
    """Splits streamed text into text without marks and the passage numbers that were cited, in order.

    Deltas may cut a mark anywhere. White space before a mark goes with it, so that "germanium [12]." leaves
    "germanium.". Square brackets that hold no numbers are text.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, delta: str) -> list[str | int]:
        """Pieces that are certain by now: text as str, cited passage numbers as int."""
        text = self._held + delta
        pieces: list[str | int] = []
        position = 0
        for match in _MARK.finditer(text):
            _append(pieces, text[position : match.start()].rstrip(" "))
            pieces.extend(_numbers(match.group()))
            position = match.end()
        rest = text[position:]
        keep = _uncertain(rest)
        _append(pieces, rest[: len(rest) - keep])
        self._held = rest[len(rest) - keep :]
        return pieces

    def flush(self) -> list[str | int]:
        """What was held back; an unfinished mark is text."""
        held, self._held = self._held.rstrip(" "), ""
        return [held] if held else []


def without_marks(text: str) -> str:
    """A whole text without its citation marks."""
    parser = CitationParser()
    return "".join(piece for piece in parser.feed(text) + parser.flush() if isinstance(piece, str)).strip()


def with_marks(raw: str, shown: str) -> tuple[str, list[int]]:
    """The beginning of the raw answer of which people see `shown`, and the numbers of the passages cited in it.

    A mark right behind the last word belongs to it.
    """
    wanted = len("".join(shown.split()))
    parser = CitationParser()
    seen, cited, end = 0, [], 0
    for place, letter in enumerate(raw):
        pieces = parser.feed(letter)
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        seen += len("".join(text.split()))
        if seen > wanted:
            break
        numbers = [piece for piece in pieces if isinstance(piece, int)]
        cited += numbers
        if numbers or text.strip():
            end = place + 1
    return raw[:end] if wanted else "", cited if wanted else []


def _append(pieces: list[str | int], text: str) -> None:
    if text:
        pieces.append(text)


def _uncertain(text: str) -> int:
    """How many characters at the end may still turn out to be a mark or the space before one."""
    match = _POSSIBLE_MARK.search(text, max(0, len(text) - _MAX_MARK))
    body = text[: match.start()] if match else text
    return len(text) - len(body.rstrip(" "))


def _numbers(mark: str) -> list[int]:
    numbers: list[int] = []
    for item in re.split(r"[,;]", mark.strip("[]【】")):
        bounds = [int(number) for number in re.findall(r"\d+", item)]
        if len(bounds) == 2 and 0 <= bounds[1] - bounds[0] <= _MAX_RANGE:
            numbers.extend(range(bounds[0], bounds[1] + 1))
        else:
            numbers.extend(bounds)
    return numbers
