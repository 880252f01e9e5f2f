"""Requests over kept connections, to a server that does anything."""

import asyncio

import pytest
from aiohappyeyeballs import start_connection

from viva_llm.upstream.errors import (
    BadResponse,
    BrokenOff,
    ClosedUnanswered,
    NoConnection,
    UnknownName,
    UpstreamError,
)
from viva_llm.upstream.pool import Pool
from viva_llm.upstream.request_head import PostHead

from ..authority import make_authority
from .raw_server import WHOLE, RawServer

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SOON_S = 30


@pytest.fixture
async def server():
    """A server, told of nothing yet."""
    made = RawServer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def pool(server):
    """A pool of connections to it."""
    made = Pool(f"http://127.0.0.1:{server.port}/v1", connect_s=SOON_S)
    yield made
    made.close()


async def ask(pool: Pool, body: bytes = b"{}"):
    """One request; the head of its response is there."""
    head = PostHead("http://127.0.0.1/v1/x", {"Content-Type": "application/json"}).head(len(body), {})
    return await pool.ask(head, body)


async def body_of(connection) -> bytes:
    """The whole body; the connection is left."""
    body = b""
    try:
        while more := await connection.read():
            body += more
    finally:
        connection.leave()
    return body


async def until(condition) -> None:
    """Returns once it is so."""
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - what is watched tells nobody
            await asyncio.sleep(0.001)


async def test_request_and_response(pool, server):
    """The request arrives as it was given, and status, headers and body come back."""
    server.says(b"HTTP/1.1 418 I'm a teapot\r\nX-Kind: Earl Grey\r\nContent-Length: 3\r\n\r\ntea")
    connection = await ask(pool, b'{"a": 1}')
    assert (connection.response.status, connection.response.headers["x-kind"]) == (418, "Earl Grey")
    assert await body_of(connection) == b"tea"
    assert server.requests == [
        b'POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}'
    ]


async def test_connection_is_used_again(pool, server):
    """One request after another has the same connection, whatever its response looked like."""
    server.says(WHOLE)
    server.says(CHUNKED, b"2\r\nok\r\n", b"0\r\n\r\n")
    server.says(b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE)
    for _ in range(4):
        assert await body_of(await ask(pool)) == b"ok"
    assert (server.connections, pool.idle) == (1, 1)


async def test_requests_at_once_have_a_connection_each(pool, server):
    """Nobody waits for another's response."""
    server.says(WHOLE)
    both = await asyncio.gather(ask(pool), ask(pool))
    assert [await body_of(connection) for connection in both] == [b"ok", b"ok"]
    assert (server.connections, pool.idle) == (2, 2)


async def test_response_that_ends_with_its_connection(pool, server):
    """It is whole, and the next request has a connection of its own."""
    server.says(b"HTTP/1.1 200 OK\r\n\r\n", b"ok", then_close=True)
    for _ in range(2):
        assert await body_of(await ask(pool)) == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\n", b"garbage"])
async def test_connection_that_says_too_much_is_not_used_again(pool, server, more):
    """Bytes that nobody asked for must not become the next one's answer."""
    server.says(WHOLE + more)
    for _ in range(2):
        assert await body_of(await ask(pool)) == b"ok"
    assert server.connections == 2


async def test_idle_connection_that_speaks_is_closed(pool, server):
    """The same when they come later, while nobody uses it."""
    speak = asyncio.Event()

    async def answer(_reader, writer):
        writer.write(WHOLE)
        await speak.wait()
        writer.write(WHOLE)

    server.answers.append(answer)
    assert await body_of(await ask(pool)) == b"ok"
    assert pool.idle == 1
    speak.set()
    await until(lambda: not pool.idle)


async def test_idle_connection_that_the_server_closes_is_forgotten(pool, server):
    """The next request has a new one."""
    server.says(WHOLE, then_close=True)
    assert await body_of(await ask(pool)) == b"ok"
    await until(lambda: not pool.idle)
    assert await body_of(await ask(pool)) == b"ok"


async def test_kept_connection_that_closes_as_it_is_taken_is_replaced(pool, server):
    """Once, and without the caller's knowledge: the request has not been read."""
    server.says(WHOLE)
    server.resets()
    server.says(WHOLE)
    for _ in range(2):
        assert await body_of(await ask(pool)) == b"ok"
    assert (server.connections, len(server.requests)) == (2, 3)


async def test_new_connection_that_closes_is_an_error(pool, server):
    """A server that hangs up on everybody is not asked again and again."""
    server.resets()
    with pytest.raises(ClosedUnanswered):
        await ask(pool)
    assert len(server.requests) == 1


async def test_response_that_had_begun_is_not_asked_for_again(pool, server):
    """Not even of a kept connection: the server did read the request."""
    server.says(WHOLE)
    server.says(b"HTTP/1.1 200", then_close=True)
    assert await body_of(await ask(pool)) == b"ok"
    with pytest.raises(BrokenOff):
        await ask(pool)
    assert len(server.requests) == 2


@pytest.mark.parametrize("end", [b"", b"5\r\nab", b"2\r\nab\r\n0\r\n"])
async def test_body_that_breaks_off(pool, server, end):
    """What came of it can be read; then it is an error, not an end."""
    server.says(CHUNKED + b"2\r\nok\r\n" + end, then_close=True)
    connection = await ask(pool)
    assert (await connection.read()).startswith(b"ok")
    with pytest.raises(BrokenOff):
        await body_of(connection)


async def test_what_is_no_http(pool, server):
    """A reader learns of it, in the head and in the body."""
    server.says(b"SSH-2.0-OpenSSH_9.2\r\n")
    server.says(CHUNKED, b"not a length\r\n")
    with pytest.raises(BadResponse):
        await ask(pool)
    connection = await ask(pool)
    with pytest.raises(BadResponse):
        await body_of(connection)


async def test_garbage_is_no_end_of_a_body_without_a_length(pool, server):
    """A body that is over because we hung up is not whole for that."""
    server.says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nxx\r\n")
    connection = await ask(pool)
    with pytest.raises(UpstreamError):
        await body_of(connection)


async def test_leaving_stops_the_server(pool, server):
    """A reader who leaves in the middle closes the connection, and so ends the work."""
    server.says(CHUNKED, b"2\r\nok\r\n")
    connection = await ask(pool)
    assert await connection.read() == b"ok"
    connection.leave()
    await asyncio.wait_for(server.closed.acquire(), SOON_S)
    assert pool.idle == 0


async def test_giving_up_before_the_head_stops_the_server(pool, server):
    """So does one who is cancelled while nothing has come."""
    asked = asyncio.Event()

    async def answer(reader, _writer):
        asked.set()
        await reader.readexactly(1)

    server.answers.append(answer)
    asking = asyncio.create_task(ask(pool))
    await asyncio.wait_for(asked.wait(), SOON_S)
    asking.cancel()
    await asyncio.wait([asking])
    await asyncio.wait_for(server.closed.acquire(), SOON_S)


async def test_end_of_a_body_may_come_after_its_reader_has_left(pool, server):
    """Who knows that nothing of interest follows leaves at once; the connection is free when the end is there."""
    go_on = asyncio.Event()

    async def answer(_reader, writer):
        writer.write(CHUNKED + b"2\r\nok\r\n")
        await go_on.wait()
        writer.write(b"0\r\n\r\n")

    server.answers.append(answer)
    connection = await ask(pool)
    assert await connection.read() == b"ok"
    connection.leave(ended=True)
    assert pool.idle == 0
    go_on.set()
    await until(lambda: pool.idle)


@pytest.mark.parametrize("more", [b"", b"2\r\nok\r\n", b"not a length\r\n"])
async def test_end_that_does_not_come_closes_the_connection(pool, server, more):
    """A server that keeps its stream open, or sends on, is not waited for."""
    left = asyncio.Event()

    async def answer(_reader, writer):
        writer.write(CHUNKED + b"2\r\nok\r\n")
        await left.wait()
        writer.write(more)

    server.answers.append(answer)
    connection = await ask(pool)
    assert await connection.read() == b"ok"
    connection.leave(ended=True)
    left.set()
    await asyncio.wait_for(server.closed.acquire(), SOON_S)
    assert pool.idle == 0


async def test_server_that_is_faster_than_its_reader_waits(pool, server):
    """Memory holds a bounded part of a body, however long; none of it is lost."""
    sent = 0

    async def answer(_reader, writer):
        nonlocal sent
        writer.write(CHUNKED)
        for _ in range(512):
            writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
            await writer.drain()
            sent += 0x8000
        writer.write(b"0\r\n\r\n")

    server.answers.append(answer)
    connection = await ask(pool)
    before = -1
    while before != sent:  # until the sender has come to a stand
        before = sent
        await asyncio.sleep(0.1)
    assert sent < 512 * 0x8000
    assert len(await body_of(connection)) == 512 * 0x8000


async def test_rest_that_nobody_reads_holds_up_no_later_response(pool, server):
    """A connection whose last reader left more unread than may wait is as good as new."""
    size = 256 * 1024 + 1  # with its last byte it is more than may wait
    server.says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    server.says(WHOLE)
    connection = await ask(pool)
    await until(lambda: connection.response.is_whole)
    connection.leave()
    assert await body_of(await ask(pool)) == b"ok"
    assert server.connections == 1


@pytest.mark.parametrize("encrypted", [False, True])
async def test_rest_of_a_request_holds_up_no_later_one(tmp_path, monkeypatch, encrypted):
    """A server that refuses what it has not read leaves a connection behind that nobody uses again."""
    tls, over = None, asyncio.Event()
    if encrypted:
        tls = make_authority(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))

    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await over.wait()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(f"http{'s' if encrypted else ''}://127.0.0.1:{port}/v1", connect_s=SOON_S)
    assert await body_of(await ask(pool, bytes(32 << 20))) == b"no"
    assert pool.idle == 0
    assert await body_of(await ask(pool)) == b"no"
    assert pool.idle == 1
    over.set()
    pool.close()
    server.close()


async def test_connection_that_is_made_too_late_is_closed(pool, server, monkeypatch):
    """Also by a pool that was closed meanwhile, and by one that is asked afterwards."""
    server.says(WHOLE)

    async def close_meanwhile(*args, **options):
        taken = await start_connection(*args, **options)
        pool.close()
        return taken

    monkeypatch.setattr("viva_llm.upstream.pool.start_connection", close_meanwhile)
    with pytest.raises(NoConnection):
        await ask(pool)
    await asyncio.wait_for(server.closed.acquire(), SOON_S)
    with pytest.raises(NoConnection):
        await ask(pool)


async def test_no_server(pool, server):
    """A refused connection and an unknown name are told apart."""
    await server.stop()
    with pytest.raises(NoConnection):
        await ask(pool)
    with pytest.raises(UnknownName):
        await ask(Pool("http://nobody.invalid/v1", connect_s=SOON_S))


@pytest.mark.parametrize("known", [True, False])
async def test_tls(server, tmp_path, monkeypatch, known):
    """A server is believed when an authority of this machine vouches for it, and not otherwise."""
    tls = make_authority(tmp_path)
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    await server.stop()
    await server.start(tls)
    server.says(CHUNKED, b"2\r\nok\r\n", b"0\r\n\r\n")
    pool = Pool(f"https://127.0.0.1:{server.port}/v1", connect_s=SOON_S)
    if known:
        assert [await body_of(await ask(pool)) for _ in range(2)] == [b"ok", b"ok"]
        assert server.connections == 1
    else:
        with pytest.raises(NoConnection):
            await ask(pool)
    pool.close()


async def test_close_ends_every_connection(pool, server):
    """Also one that is being read."""
    server.says(CHUNKED, b"2\r\nok\r\n")
    connection = await ask(pool)
    pool.close()
    await asyncio.wait_for(server.closed.acquire(), SOON_S)
    with pytest.raises(BrokenOff):
        await body_of(connection)
