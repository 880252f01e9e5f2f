"""Idempotency-Key: the same request twice is one turn with one answer, on any replica."""

from __future__ import annotations

import asyncio

import httpx
import orjson
import pytest

from viva_orchestrator.app import create_app

ASK = {"lecture_id": "lec_1", "question": "Who made it?"}
KEY = {"Idempotency-Key": "k-1"}


def events_of(response) -> list[dict]:
    return [orjson.loads(line) for line in response.text.splitlines()]


async def test_the_same_request_again_is_the_same_turn(client, servers):
    """The answer is said again from what was kept; the model is asked once, the history has it once."""
    session = (await client.post("/v1/sessions", json={"lecture_id": "lec_1"})).json()["session_id"]
    ask = ASK | {"session_id": session}
    first = events_of(await client.post("/invoke", json=ask, headers=KEY))
    second = events_of(await client.post("/invoke", json=ask, headers=KEY))
    assert first[-1] == second[-1]
    assert [event["type"] for event in second] == ["transcript", "answer.delta", "audio", "audio", "done"]
    assert len(servers.prompts) == 1
    history = (await client.get(f"/v1/sessions/{session}")).json()
    assert [turn["turn_id"] for turn in history["turns"]] == [first[-1]["turn_id"]]


@pytest.fixture
async def ask(client):
    """A question with its session."""
    return ASK | {"session_id": (await client.post("/v1/sessions", json={})).json()["session_id"]}


async def test_a_request_sent_twice_at_once_is_one_turn(client, servers, ask):
    """The second waits for the first."""
    both = await asyncio.gather(*(client.post("/invoke", json=ask, headers=KEY) for _ in range(2)))
    assert events_of(both[0])[-1] == events_of(both[1])[-1]
    assert len(servers.prompts) == 1


async def test_another_question_under_the_same_key_is_refused(client, servers, ask):
    """409, and the first turn stays what it was."""
    await client.post("/invoke", json=ask, headers=KEY)
    refused = await client.post("/invoke", json=ask | {"question": "Something else?"}, headers=KEY)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(servers.prompts) == 1


async def test_the_answer_is_said_again_though_the_voice_is_gone(client, servers, ask):
    """One done, which says that it is text alone."""
    await client.post("/invoke", json=ask, headers=KEY)
    servers.status["tts"] = 500
    again = events_of(await client.post("/invoke", json=ask, headers=KEY))
    assert [event["type"] for event in again] == ["transcript", "answer.delta", "done"]
    assert again[-1]["degraded"] == "tts:text_only"


async def test_a_key_without_a_session_is_refused(client, servers):
    """Two callers who choose the same key must not meet."""
    assert (await client.post("/invoke", json=ASK, headers=KEY)).json()["error"]["param"] == "session_id"


async def test_a_failed_turn_may_be_tried_again_with_its_key(client, servers, ask):
    """Nothing of a failure is kept."""
    servers.status["llm"] = 500
    assert events_of(await client.post("/invoke", json=ask, headers=KEY))[-1]["type"] == "error"
    servers.status.clear()
    assert events_of(await client.post("/invoke", json=ask, headers=KEY))[-1]["type"] == "done"


async def test_keys_of_two_sessions_are_two_keys(client, servers):
    """Nobody meets another's answer by choosing the same key."""
    for _ in range(2):
        session = (await client.post("/v1/sessions", json={"lecture_id": "lec_1"})).json()["session_id"]
        await client.post("/invoke", json=ASK | {"session_id": session}, headers=KEY)
    assert len(servers.prompts) == 2


@pytest.fixture
async def other_client(app):
    """A second replica: an app of its own on the same Redis and object store."""
    second = create_app(app.state.settings)
    async with second.router.lifespan_context(second):
        second.state.lectures.transcript = app.state.lectures.transcript
        transport = httpx.ASGITransport(second)
        async with httpx.AsyncClient(transport=transport, base_url="http://viva") as other:
            yield other


async def test_one_key_on_two_replicas_is_one_turn(client, other_client, servers, ask):
    """Sent to both at once, and again to each afterwards: one turn, one pair in the history, the same `done`."""
    servers.pause.clear()
    sent = [asyncio.create_task(each.post("/invoke", json=ask, headers=KEY)) for each in (client, other_client)]
    await servers.paused.wait()
    servers.pause.set()
    answers = [*await asyncio.gather(*sent)]
    answers += [await each.post("/invoke", json=ask, headers=KEY) for each in (client, other_client)]
    done = [events_of(answer)[-1] for answer in answers]
    assert [event["type"] for event in done] == ["done"] * 4
    assert all(event == done[0] for event in done)
    assert len(servers.prompts) == 1
    history = (await other_client.get(f"/v1/sessions/{ask['session_id']}")).json()
    assert [turn["turn_id"] for turn in history["turns"]] == [done[0]["turn_id"]]


async def test_another_question_under_the_same_key_is_refused_by_the_other_replica(client, other_client, servers, ask):
    """What the key stands for is known to both."""
    await client.post("/invoke", json=ask, headers=KEY)
    refused = await other_client.post("/invoke", json=ask | {"question": "Something else?"}, headers=KEY)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(servers.prompts) == 1
