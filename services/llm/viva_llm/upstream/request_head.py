"""The head of a request, of which most is the same each time."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

# What a path may hold unquoted (RFC 3986); "%" too, since what is quoted already stays as it is.
_PATH = "/%:@!$&'()*+,;=~"


class PostHead:
    """The head of every POST to one URL; `headers` are in each of them. Raises ValueError when they cannot be sent."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        host = parts.netloc.encode("idna").decode()
        line = f"POST {quote(parts.path, safe=_PATH)} HTTP/1.1\r\nHost: {host}\r\n"
        self._fixed = (line + _lines(headers)).encode()

    def head(self, length: int, headers: Mapping[str, str]) -> bytes:
        """The bytes before a body of `length` bytes; `headers` are those of this one request. Raises ValueError."""
        return self._fixed + f"{_lines(headers)}Content-Length: {length}\r\n\r\n".encode()


def _lines(headers: Mapping[str, str]) -> str:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    for line in lines:
        if not (line.isascii() and line.isprintable()):
            # Not quoted: it may be a key.
            raise ValueError(f"the header {line.partition(':')[0]} has characters in it that no header may have")
    return "".join([f"{line}\r\n" for line in lines])
