"""Responses, in every form that they may come in, cut at every place."""

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva_llm.upstream.errors import BadResponse
from viva_llm.upstream.response_parser import ResponseParser

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"data: {}\n\ndata: [DONE]\n\n"
WIRES = {
    "chunked": CHUNKED + b"a\r\ndata: {}\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
    "chunk extensions and trailers": CHUNKED + b"18;x=y\r\n" + BODY + b"\r\n0\r\nDigest: z\r\n\r\n",
    "content-length": b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\nContent-Type: text/event-stream\r\n\r\n" + BODY,
    "provisional first": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
    + CHUNKED
    + b"18\r\n"
    + BODY
    + b"\r\n0\r\n\r\n",
}


def fed(*parts: bytes) -> tuple[ResponseParser, bytes]:
    """A parser that has been fed, and the body that it gave."""
    parser = ResponseParser()
    return parser, b"".join([parser.feed(part) for part in parts])


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    """The bytes in pieces, none of them empty."""
    ends = [*sorted({place for place in places if 0 < place < len(wire)}), len(wire)]
    return [wire[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(st.sampled_from(sorted(WIRES)), st.lists(st.integers(1, 250), max_size=40))
def test_any_split_gives_the_same(name, places):
    """Wherever the network cuts a response, its head and its body are the same."""
    parser, body = fed(*cut(WIRES[name], places))
    assert (parser.status, body) == (200, BODY)
    assert parser.headers["content-type"] == "text/event-stream"
    assert not {"a", "digest"} & parser.headers.keys()
    assert (parser.has_head, parser.has_body, parser.is_whole, parser.is_last) == (True, True, True, False)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.data())
def test_body_in_chunks_is_their_sum(pieces, data):
    """Whatever the chunks hold, the body is they in a row, and nothing of the lengths between them."""
    wire = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    parser, body = fed(*cut(wire, data.draw(st.lists(st.integers(1, len(wire)), max_size=20))))
    assert body == b"".join(pieces)
    assert parser.is_whole


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_byte_by_byte(wire):
    """The response is whole with its last byte, and not before."""
    parser = ResponseParser()
    for byte in wire[:-1]:
        parser.feed(bytes([byte]))
        assert not parser.is_whole
    parser.feed(wire[-1:])
    assert parser.is_whole


def test_length_left_to_the_connection():
    """A response without a length ends with its connection, which is of no further use."""
    parser, body = fed(b"HTTP/1.1 200 OK\r\n\r\nda", b"ta")
    assert (body, parser.is_whole) == (b"data", False)
    parser.end()
    assert (parser.is_whole, parser.is_last) == (True, True)


@pytest.mark.parametrize("wire", [CHUNKED + b"5\r\nab", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", b"HTTP/1"])
def test_connection_that_ends_early_makes_nothing_whole(wire):
    """A response that says how long it is, and is shorter, was cut."""
    parser, _ = fed(wire)
    parser.end()
    assert not parser.is_whole


@pytest.mark.parametrize("status", [204, 304])
def test_response_without_a_body(status):
    """It is whole with its head, and the connection can be used again."""
    parser, body = fed(b"HTTP/1.1 %d Nothing\r\n\r\n" % status)
    assert (parser.status, body, parser.is_whole, parser.is_last) == (status, b"", True, False)


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
    ],
)
def test_last_response_of_a_connection(wire):
    """The server says so; or it sends more than was asked for, which could be taken for the next answer."""
    parser, body = fed(wire)
    assert (body, parser.is_whole, parser.is_last) == (b"ok", True, True)


def test_more_behind_the_end():
    """What comes later than the end makes the connection useless, too."""
    parser, _ = fed(WIRES["content-length"])
    assert not parser.is_last
    assert parser.feed(b"HTTP/1.1 200 OK\r\n") == b""
    assert parser.is_last


@pytest.mark.parametrize(
    "wire",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        CHUNKED + b"zz\r\n",
    ],
)
def test_what_is_no_response(wire):
    """It is refused with a sentence."""
    with pytest.raises(BadResponse, match=r"it (sent|switched)"):
        fed(wire)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1024),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 200),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
        (CHUNKED + b"5;", b"x" * 1024),
        (CHUNKED + b"0\r\n", b"X: y\r\n" * 200),
    ],
    ids=["one header", "headers", "provisional ones", "chunk extension", "trailers"],
)
def test_head_without_end(start, more):
    """What grows without ever becoming a body is refused before it fills the memory."""
    with pytest.raises(BadResponse):
        fed(*filter(None, [start]), *[more] * 70)


def test_long_stream_of_small_chunks_is_no_overhead():
    """The lengths between the chunks may add up to any amount."""
    parser, body = fed(CHUNKED, *[b"1\r\nx\r\n"] * 20_000)
    assert len(body) == 20_000
    assert not parser.is_whole


def test_whole_response_is_freed_at_once():
    """It does not wait for the garbage collector, which looks rarely."""
    gc.disable()
    try:
        parser, _ = fed(WIRES["chunked"])
        gone = weakref.ref(parser)
        del parser
        assert gone() is None
    finally:
        gc.enable()
