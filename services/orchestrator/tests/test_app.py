"""The app over HTTP: what a client of the public API sees."""

from __future__ import annotations

import asyncio

import httpx
import orjson
import pytest

from viva.sse import SSEParser
from viva_orchestrator.app import create_app
from viva_orchestrator.lectures.model import Transcript


async def test_invoke_answers_in_json_lines(client):
    """One event a line, the last one done."""
    response = await client.post("/invoke", json={"lecture_id": "lec_1", "question": "Who made it?"})
    assert response.headers["content-type"].startswith("application/x-ndjson")
    found = [orjson.loads(line) for line in response.text.splitlines()]
    assert found[0] == {"type": "transcript", "text": "Who made it?", "final": True}
    assert {event["type"] for event in found} == {"transcript", "answer.delta", "audio", "done"}
    assert found[-1]["citations"][0] == {
        "lecture_id": "lec_1",
        "start": 0.0,
        "end": 6.0,
        "text": "jack kill be made it",
    }


async def test_chat_is_the_same_as_server_sent_events(client):
    """The event's name is its type."""
    response = await client.post("/chat", json={"lecture_id": "lec_1", "question": "Who made it?"})
    assert response.headers["content-type"].startswith("text/event-stream")
    found = SSEParser().feed(response.content)
    assert all(event.event == orjson.loads(event.data)["type"] for event in found)
    assert [found[0].event, found[-1].event] == ["transcript", "done"]


async def test_a_session_remembers_is_read_and_archived(client, tmp_path):
    """Open, ask twice, read, end; afterwards it is gone and the archive is there."""
    session = (await client.post("/v1/sessions", json={"lecture_id": "lec_1"})).json()
    for question in ("Who made it?", "And in which year?"):
        await client.post("/invoke", json={"session_id": session["session_id"], "question": question})
    history = (await client.get(f"/v1/sessions/{session['session_id']}")).json()
    assert [turn["question"] for turn in history["turns"]] == ["Who made it?", "And in which year?"]
    assert history["turns"][0]["citations"][0]["start"] == 0.0
    ended = (await client.post("/end_session", json={"session_id": session["session_id"]})).json()
    assert ended["turns"] == 2
    assert (tmp_path / ended["object_key"]).is_file()
    assert (await client.get(f"/v1/sessions/{session['session_id']}")).status_code == 404


async def test_a_question_about_a_recording_without_a_word_is_told_so(app, client, servers):
    """A clear answer, spoken too, that cites nothing; no model is asked to make something up."""

    async def silence(_lecture_id: str) -> Transcript:
        return Transcript("lec_1", None, "ready", 12.0, 12.0, ())

    app.state.lectures.transcript = silence
    response = await client.post("/invoke", json={"lecture_id": "lec_1", "question": "Who made it?"})
    found = [orjson.loads(line) for line in response.text.splitlines()]
    assert "no speech" in found[-1]["answer"]
    assert found[-1]["citations"] == []
    assert "audio" in {event["type"] for event in found}
    assert servers.prompts == []


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"json": {"question": "Who?", "lecture_id": "lec_9"}}, 404, "not_found"),
        ({"json": {"lecture_id": "lec_1"}}, 400, "invalid_request"),
        ({"json": {"lecture_id": "lec_1", "question": "  "}}, 400, "invalid_request"),
        ({"json": {"lecture_id": "lec_1", "question": "x" * 5000}}, 413, "too_large"),
        ({"json": {"lecture_id": "lec_1", "question": "Who?", "qestion": "typo"}}, 400, "invalid_request"),
        ({"json": {"lecture_id": "lec_1", "question": "Who?", "audio_format": "au"}}, 400, "invalid_request"),
        ({"json": [1, 2]}, 400, "invalid_request"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "invalid_json"),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media"),
        ({"files": {"audio": b""}, "data": {"lecture_id": "lec_1"}}, 400, "audio_empty"),
        ({"files": {"audio": b"not audio" * 50}, "data": {"lecture_id": "lec_1"}}, 400, "audio_undecodable"),
        ({"files": {"audio": bytes(26 * 1024**2)}, "data": {"lecture_id": "lec_1"}}, 413, "too_large"),
    ],
)
async def test_wrong_questions_get_a_4xx_with_a_code(client, servers, request_, status, code):
    """Before the first byte an error is an HTTP status, with a message and the request's id."""
    response = await client.post("/invoke", **request_)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert error["message"]
    assert error["request_id"] == response.headers["X-Request-ID"]
    assert servers.prompts == []


@pytest.mark.parametrize("path", ["/v1/sessions", "/end_session", "/invoke", "/v1/lectures"])
async def test_json_without_end_is_refused(client, path):
    """Declared or not, a body over the limit is not read into memory."""
    headers = {"Content-Type": "application/json"}
    declared = await client.post(path, content=b" " * (9 * 1024 * 1024), headers=headers)
    assert (declared.status_code, declared.json()["error"]["code"]) == (413, "too_large")

    async def endless():
        for _ in range(64):
            yield b" " * 1024 * 1024

    assert 400 <= (await client.post(path, content=endless(), headers=headers)).status_code < 500


async def test_the_stages_answer_through_the_front_door(client):
    """Transcription, speech and chat are passed on as they come."""
    heard = await client.post("/v1/audio/transcriptions", files={"file": b"x"}, data={"model": "whisper-1"})
    assert heard.json() == {"text": "who made the first circuit"}
    assert (await client.post("/stt", files={"file": b"x"})).json() == heard.json()
    for path in ("/v1/audio/speech", "/tts"):
        assert (await client.post(path, json={"input": "Hello."})).content == b"<Hello.>"
    chat = await client.post("/v1/chat/completions", json={"messages": []})
    assert chat.content.endswith(b"data: [DONE]\n\n")


async def test_a_stage_that_is_down_is_a_503_at_the_front_door(client, servers):
    """With a code of ours, not the stage's words."""
    servers.status["tts"] = 500
    response = await client.post("/v1/audio/speech", json={"input": "Hello."})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "tts_unavailable")


async def test_health_says_which_part_is_missing(client, app):
    """A voice that is gone degrades, a model that is gone is down; /healthz does not care."""
    assert (await client.get("/health")).json()["status"] == "ok"
    app.state.stages.tts.base_url = "http://127.0.0.1:9"
    health = (await client.get("/health")).json()
    assert (health["status"], health["parts"]["tts"]) == ("degraded", "tts_unavailable")
    app.state.stages.llm.base_url = "http://127.0.0.1:9"
    assert (await client.get("/health")).status_code == 503
    assert (await client.get("/status")).json()["stages"]["llm"] == {"status": "unavailable"}
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_metrics_have_turns_and_stages(client):
    """From the first question on."""
    await client.post("/invoke", json={"lecture_id": "lec_1", "question": "Who made it?"})
    page = (await client.get("/metrics")).text
    assert 'viva_turns_total{degraded="",outcome="done",transport="json_lines"} 1.0' in page
    assert 'viva_stage_seconds_count{stage="llm_first_token"} 1.0' in page
    assert "viva_active_turns 0.0" in page


async def test_every_documented_call_is_in_the_openapi_document(client):
    """The API of the design, with a summary each."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    for call in (
        "POST /v1/sessions", "GET /v1/sessions/{session_id}", "DELETE /v1/sessions/{session_id}",
        "POST /v1/lectures", "POST /v1/lectures/uploads", "GET /v1/lectures/{lecture_id}", "GET /v1/lectures",
        "GET /v1/lectures/{lecture_id}/events", "GET /v1/lectures/{lecture_id}/audio",
        "DELETE /v1/lectures/{lecture_id}", "POST /invoke", "POST /end_session", "POST /chat",
        "POST /v1/audio/transcriptions", "POST /v1/audio/speech", "POST /v1/chat/completions",
        "GET /healthz", "GET /readyz", "GET /health", "GET /status", "GET /metrics",
    ):  # fmt: skip
        method, path = call.split()
        assert paths[path][method.lower()]["summary"], call


async def test_two_replicas_behave_as_one(app, client, servers, redis_url, tmp_path):
    """A session opened on one is continued on the other, with its history."""
    second = create_app(app.state.settings)
    async with second.router.lifespan_context(second):
        second.state.lectures.transcript = app.state.lectures.transcript
        transport = httpx.ASGITransport(second)
        async with httpx.AsyncClient(transport=transport, base_url="http://viva") as other:
            session = (await client.post("/v1/sessions", json={"lecture_id": "lec_1"})).json()["session_id"]
            await client.post("/invoke", json={"session_id": session, "question": "Who made it?"})
            await other.post("/invoke", json={"session_id": session, "question": "And when?"})
            both = await asyncio.gather(*(c.get(f"/v1/sessions/{session}") for c in (client, other)))
    assert both[0].json() == both[1].json()
    assert [message["content"] for message in servers.prompts[1][1:]][0::2] == ["Who made it?", "And when?"]


async def test_opening_a_session_has_the_lecture_read_ahead(client, servers, until):
    """The answer does not wait for it; the first question finds the model's prefix warm."""
    assert (await client.post("/v1/sessions", json={"lecture_id": "lec_1"})).status_code == 201

    async def was_read() -> bool:
        return bool(servers.read_ahead)

    await until(was_read)
    await client.post("/invoke", json={"lecture_id": "lec_1", "question": "Who made it?"})
    assert servers.read_ahead[0][0] == servers.prompts[0][0]


async def test_the_receipt_says_what_the_model_was_given(client, servers):
    """And is null where no model was asked."""
    response = await client.post("/invoke", json={"lecture_id": "lec_1", "question": "Who made it?"})
    done = orjson.loads(response.text.splitlines()[-1])
    assert done["receipt"]["context"] == {"kind": "transcript", "tokens": 7, "limit": 16384, "passages": 2}
    assert servers.cache_keys == ["lecture:lec_1"]
