"""SSEParser: events come out whole, wherever the chunks end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva.sse import SSEEvent, SSEParser, encode


def test_reads_fields_comments_and_all_line_ends():
    """Comments are skipped, data lines joined, CR, LF and CRLF all end a line."""
    body = b": hi\r\nevent: delta\r\ndata: a\r\ndata: b\r\nid: 7\r\n\r\ndata:c\r\rdata: d\n\n"
    assert SSEParser().feed(body) == [SSEEvent("a\nb", "delta", "7"), SSEEvent("c"), SSEEvent("d")]


@given(st.lists(st.integers(1, 5), max_size=40))
def test_chunk_borders_do_not_matter(sizes):
    """Cut anywhere, also inside a character or a CRLF, the events are the same."""
    body = encode('{"t":"größe"}'.encode()) + encode(b"2", "x") + b"data: 3\r\n\r\n"
    parser, events, position = SSEParser(), [], 0
    for size in sizes:
        events += parser.feed(body[position : position + size])
        position += size
    events += parser.feed(body[position:])
    assert events == [SSEEvent('{"t":"größe"}'), SSEEvent("2", "x"), SSEEvent("3")]


def test_an_endless_event_is_refused():
    """A server that never ends its event cannot fill the memory."""
    parser = SSEParser(max_event_bytes=100)
    with pytest.raises(ValueError, match="larger"):
        parser.feed(b"data: " + b"x" * 200)


def test_an_unfinished_event_is_dropped():
    """Without its blank line an event does not count."""
    parser = SSEParser()
    assert parser.feed(b"data: half\n") == []
    assert parser.flush() == []
