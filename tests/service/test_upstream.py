"""Upstream: what another server does wrong becomes one of our errors, each tested against a real socket."""

import asyncio
import inspect

import aiohttp
import pytest
from aiohttp import web

from viva.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Overloaded,
    StageUnavailable,
    TooLarge,
    VivaError,
)
from viva.service.upstream import Upstream, client_session


@pytest.fixture
async def upstream():
    async def answer(request):
        match request.match_info["kind"]:
            case "ok":
                return web.json_response({"seen": request.headers.get("Authorization")})
            case "bad":
                error = {"code": "audio_empty", "message": "Empty.", "request_id": "r"}
                return web.json_response({"error": error}, status=400)
            case "missing" | "large":
                status = {"missing": 404, "large": 413}[request.match_info["kind"]]
                error = {"code": "model_not_found", "message": "No.", "param": "model", "request_id": "r"}
                return web.json_response({"error": error}, status=status)
            case "foreign":
                error = {"code": "weird_code_7", "message": "Traceback: key sk-123 is wrong"}
                return web.json_response({"error": error}, status=422)
            case "busy":
                return web.Response(status=429, headers={"Retry-After": "7"})
            case "out":
                error = {"code": "asr_unavailable", "message": "No engine runs.", "request_id": "r"}
                return web.json_response({"error": error}, status=503)
            case "broken":
                return web.Response(status=500, text="Traceback ...")
            case "unauthorised":
                return web.Response(status=401)
            case "silent":
                await asyncio.sleep(30)
            case "ears":
                socket = web.WebSocketResponse()
                await socket.prepare(request)
                await socket.send_str(request.headers.get("Authorization"))
                await socket.receive()
                return socket
            case "cut":
                response = web.StreamResponse()
                await response.prepare(request)
                await response.write(b"data: 1\n\n")
                request.transport.abort()
                return response

    app = web.Application()
    app.router.add_get("/{kind}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with client_session() as session:
        yield Upstream("asr", f"http://127.0.0.1:{port}", session, api_key="k", first_byte_s=30)
    await runner.cleanup()


def as_patient_as(path: str, upstream: Upstream) -> Upstream:
    """It, or one that soon gives up on a server that says nothing."""
    if path != "/silent":
        return upstream
    return Upstream("asr", upstream.base_url, upstream._session, api_key="k", first_byte_s=0.3)


async def test_a_good_answer_comes_back(upstream):
    """The key is sent, the JSON read."""
    assert await upstream.read_json("GET", "/ok") == {"seen": "Bearer k"}


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("/bad", InvalidRequest, "audio_empty"),
        ("/foreign", InvalidRequest, "asr_refused"),
        ("/busy", Overloaded, "asr_overloaded"),
        ("/out", StageUnavailable, "asr_unavailable"),
        ("/broken", StageUnavailable, "asr_unavailable"),
        ("/unauthorised", StageUnavailable, "asr_unavailable"),
        ("/silent", DeadlineExceeded, "asr_timeout"),
        ("/cut", StageUnavailable, "asr_interrupted"),
    ],
)
async def test_failures_are_mapped(upstream, path, kind, code):
    """Each way to fail has its error; a server's own text is shown only where the server is ours."""
    with pytest.raises(kind) as caught:
        await as_patient_as(path, upstream).read("GET", path)
    assert caught.value.code == code
    assert "Traceback" not in caught.value.message


@pytest.mark.parametrize(("path", "kind"), [("/missing", NotFound), ("/large", TooLarge)])
async def test_the_field_that_is_wrong_is_passed_on(upstream, path, kind):
    """A client that asked for a model that is not there is told that it is `model` that it has to change."""
    with pytest.raises(kind) as caught:
        await upstream.read("GET", path)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


async def test_a_server_that_is_not_there(upstream):
    """A refused connection is an unavailable stage."""
    gone = Upstream("tts", "http://127.0.0.1:9", upstream._session)
    with pytest.raises(StageUnavailable) as caught:
        await gone.read("GET", "/ok")
    assert caught.value.code == "tts_unavailable"


async def test_a_websocket_is_opened_with_the_key_and_closed(upstream):
    """The handshake has the key, and leaving the block closes the connection."""
    async with upstream.websocket("/ears") as socket:
        key = await socket.receive_str()
        assert key.startswith("Bearer ")
    assert socket.closed


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("/missing", NotFound, "asr_no_websocket"),
        ("/bad", NotFound, "asr_no_websocket"),
        ("/ok", NotFound, "asr_no_websocket"),
        ("/busy", Overloaded, "asr_overloaded"),
        ("/broken", StageUnavailable, "asr_unavailable"),
        ("/unauthorised", StageUnavailable, "asr_unavailable"),
        ("/silent", DeadlineExceeded, "asr_timeout"),
    ],
)
async def test_a_refused_websocket_is_mapped(upstream, path, kind, code):
    """A server without a WebSocket there is told from one that is busy, fails, or does not answer."""
    with pytest.raises(VivaError) as caught:
        async with as_patient_as(path, upstream).websocket(path):
            pass
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_every_error_of_the_client_is_mapped():
    """A new exception class of aiohttp cannot slip through as itself."""
    upstream = Upstream("asr", "http://x", session=None)
    classes = [c for _, c in inspect.getmembers(aiohttp, inspect.isclass) if issubclass(c, aiohttp.ClientError)]
    assert len(classes) > 10
    for cls in classes:
        assert isinstance(upstream.mapped(cls.__new__(cls)), VivaError)
