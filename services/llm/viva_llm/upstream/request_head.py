"""The head of a request, of which most is the same each time."""

from collections.abc import Mapping
from urllib.parse import SplitResult, quote, urlsplit

# What a path may hold unquoted (RFC 3986); "%" too, since what is quoted already stays as it is.
_PATH = "/%:@!$&'()*+,;=~"


class PostHead:
    """The head of every POST to one URL; `headers` are in each of them.

    Raises ValueError when they cannot be sent, or the URL has a query, which would be lost without a word.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.query or parts.fragment:
            raise ValueError("its address has a '?' or '#' in it")
        line = f"POST {quote(parts.path, safe=_PATH)} HTTP/1.1\r\nHost: {_host(parts)}\r\n"
        self._fixed = (line + _lines(headers)).encode()

    def head(self, length: int, headers: Mapping[str, str]) -> bytes:
        """The bytes before a body of `length` bytes; `headers` are those of this one request. Raises ValueError."""
        return self._fixed + f"{_lines(headers)}Content-Length: {length}\r\n\r\n".encode()


def _host(parts: SplitResult) -> str:
    """Name and port, without the user and the password that a URL may have."""
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    return name if parts.port is None else f"{name}:{parts.port}"


def _lines(headers: Mapping[str, str]) -> str:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    for line in lines:
        if not (line.isascii() and line.isprintable()):
            # Not quoted: it may be a key.
            raise ValueError(f"the header {line.partition(':')[0]} has characters in it that no header may have")
    return "".join([f"{line}\r\n" for line in lines])
