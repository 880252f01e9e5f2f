"""Idempotency-Key: the same request twice is one turn with one answer, on any replica."""

from __future__ import annotations

import asyncio

import orjson

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


async def test_a_request_sent_twice_at_once_is_one_turn(client, servers):
    """The second waits for the first."""
    both = await asyncio.gather(*(client.post("/invoke", json=ASK, headers=KEY) for _ in range(2)))
    assert events_of(both[0])[-1] == events_of(both[1])[-1]
    assert len(servers.prompts) == 1


async def test_another_question_under_the_same_key_is_refused(client, servers):
    """409, and the first turn stays what it was."""
    await client.post("/invoke", json=ASK, headers=KEY)
    refused = await client.post("/invoke", json=ASK | {"question": "Something else?"}, headers=KEY)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(servers.prompts) == 1


async def test_a_failed_turn_may_be_tried_again_with_its_key(client, servers):
    """Nothing of a failure is kept."""
    servers.status["llm"] = 500
    assert events_of(await client.post("/invoke", json=ASK, headers=KEY))[-1]["type"] == "error"
    servers.status.clear()
    assert events_of(await client.post("/invoke", json=ASK, headers=KEY))[-1]["type"] == "done"


async def test_keys_of_two_sessions_are_two_keys(client, servers):
    """Nobody meets another's answer by choosing the same key."""
    for _ in range(2):
        session = (await client.post("/v1/sessions", json={"lecture_id": "lec_1"})).json()["session_id"]
        await client.post("/invoke", json=ASK | {"session_id": session}, headers=KEY)
    assert len(servers.prompts) == 2
