"""The heads of requests."""

import pytest

from viva_llm.upstream.request_head import PostHead


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        ("http://h:8000/v1/chat/completions", "/v1/chat/completions", "h:8000"),
        ("https://h/v1", "/v1", "h"),
        ("http://[::1]:8000/v1", "/v1", "[::1]:8000"),
        ("http://user:sesame@h:8000/v1", "/v1", "h:8000"),
        ("http://user:sesame@[::1]/v1", "/v1", "[::1]"),
        ("http://bücher.example/v 1/é%20", "/v%201/%C3%A9%20", "xn--bcher-kva.example"),
    ],
)
def test_address(url, line, host):
    """Path and host are written as HTTP wants them; nobody's password is in them."""
    head = PostHead(url, {}).head(5, {})
    assert head.decode() == f"POST {line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize("url", ["http://h/v1?version=1", "http://h/v1#a"])
def test_query_is_refused(url):
    """It would be lost without a word."""
    with pytest.raises(ValueError, match="in it"):
        PostHead(url, {})


def test_headers_of_all_and_of_one():
    """Some are the same each time, others are the request's own."""
    post = PostHead("http://h/v1", {"A": "1"})
    assert b"\r\nA: 1\r\nB: 2\r\n" in post.head(0, {"B": "2"})
    assert b"B:" not in post.head(0, {})


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\0b", "€"])
def test_value_cannot_end_its_line(value):
    """Otherwise it could add headers, or a request. The sentence does not tell the value, which may be a key."""
    with pytest.raises(ValueError, match="the header K has") as caught:
        PostHead("http://h/v1", {"K": value})
    assert value not in str(caught.value)
    with pytest.raises(ValueError, match="the header K has"):
        PostHead("http://h/v1", {}).head(0, {"K": value})
