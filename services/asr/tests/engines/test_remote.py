"""Servers that fail, and what becomes of the recording."""

import httpx
import orjson
import pytest
from fastapi import FastAPI, Request, Response

from viva.sse import SSEParser

from ..loopback import listening

SENTENCES = ("Good morning everybody.", "Today we will talk about the history of the transistor.")


class Server:
    """A transcription server that answers with the statuses it is told to, the last one for ever."""

    def __init__(self, *statuses: int, body: dict | None = None) -> None:
        self._statuses = list(statuses)
        self._body = {"text": " hello "} if body is None else body
        self.fields: list[dict] = []
        self.app = FastAPI()
        self.app.post("/v1/audio/transcriptions")(self._answer)

    async def _answer(self, request: Request) -> Response:
        async with request.form() as form:
            self.fields.append({key: value for key, value in form.items() if key != "file"})
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return Response(orjson.dumps(self._body), status, {"content-type": "application/json"})


async def transcribe(open_app, speak, server: Server, **fields: str) -> httpx.Response:
    async with listening(server.app) as url:
        client = await open_app(engine="openai", openai_url=f"{url}/v1", openai_model="whisper-9", workers=1)
        with speak(*SENTENCES).open("rb") as file:
            return await client.post("/v1/audio/transcriptions", files={"file": file.read()}, data=fields)


async def test_the_request_is_built_from_what_was_asked(open_app, speak) -> None:
    """The server gets its own model's name, the language and the prompt, and nothing else of the caller's."""
    server = Server(200)
    response = await transcribe(open_app, speak, server, model="x", language="English", prompt="germanium", user="me")
    assert response.json()["text"] == "hello hello"
    wanted = {"model": "whisper-9", "response_format": "json", "language": "en", "prompt": "germanium"}
    assert server.fields == [wanted, wanted]


async def test_one_failure_is_tried_again(open_app, speak) -> None:
    """A server that fails once costs nobody the recording."""
    response = await transcribe(open_app, speak, Server(500, 200))
    assert response.json()["text"] == "hello hello"


async def test_a_failing_server_is_unavailable(open_app, speak) -> None:
    """A server that keeps failing is a retryable 503, and its own words are not passed on."""
    response = await transcribe(open_app, speak, Server(500, body={"error": {"message": "CUDA trouble"}}))
    assert (response.status_code, response.json()["error"]["code"]) == (503, "asr_unavailable")
    assert "CUDA" not in response.text


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_a_refusal_is_not_the_callers_mistake(open_app, speak, status: int) -> None:
    """What the server refuses was built here, so the caller is told 503 and not 400."""
    assert (await transcribe(open_app, speak, Server(status))).status_code == 503


async def test_an_answer_without_text_is_unavailable(open_app, speak) -> None:
    """An answer of another shape is an error, not an empty transcript."""
    assert (await transcribe(open_app, speak, Server(200, body={"words": []}))).status_code == 503


async def test_a_stream_that_fails_midway_ends_in_an_error(open_app, speak) -> None:
    """After the first segment a failure is one `error` event; `done` is never said."""
    parser = SSEParser()
    response = await transcribe(open_app, speak, Server(200, 500), stream="true")
    events = [orjson.loads(event.data) for event in parser.feed(response.content)]
    assert [event["type"] for event in events][1:] == ["transcript.text.segment", "error"]
    assert events[-1]["error"]["code"] == "asr_unavailable"
    assert events[-1]["error"]["request_id"]
