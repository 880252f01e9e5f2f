"""The way of the system that is to be replaced: the whole transcript, then the whole answer, then the whole speech.

    python -m benchmarks.side_by_side.in_sequence PORT STAGES_URL

POST /ask takes a recording and gives back the speech, once it has all of it. It does as little as it can beside that,
on the same HTTP client as Viva.
"""

import asyncio
import sys

import aiohttp
import orjson
import uvloop
from aiohttp import web

from viva.stack.ports import LOOPBACK

STAGES = web.AppKey("stages", str)
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def ask(request: web.Request) -> web.Response:
    """One question."""
    url, session = request.app[STAGES], request.app[SESSION]
    form = aiohttp.FormData({"model": "whisper-1"})
    form.add_field("file", await request.read(), filename="question.wav", content_type="audio/wav")
    async with session.post(f"{url}/v1/audio/transcriptions", data=form) as response:
        question = orjson.loads(await response.read())["text"]
    asked = {"model": "fake", "messages": [{"role": "user", "content": question}]}
    async with session.post(f"{url}/v1/chat/completions", json=asked) as response:
        answer = orjson.loads(await response.read())["choices"][0]["message"]["content"]
    wanted = {"model": "tts-1", "voice": "alloy", "input": answer, "response_format": "pcm"}
    async with session.post(f"{url}/v1/audio/speech", json=wanted) as response:
        return web.Response(body=await response.read(), content_type="audio/pcm")


async def ready(_request: web.Request) -> web.Response:
    """GET /readyz."""
    return web.Response()


async def serve(port: int, stages_url: str) -> None:
    """Serves until it is killed."""
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/ask", ask)
    app.router.add_get("/readyz", ready)
    app[STAGES] = stages_url
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), read_bufsize=2**22) as session:
        app[SESSION] = session
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port, backlog=1024).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
