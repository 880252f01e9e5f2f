"""A client that leaves stops the work that is done for it."""

import asyncio

import httpx
import pytest

from .model_server import chat

PATH = "/v1/chat/completions"
SOON_S = 30


async def active(client) -> int:
    """Answers under way, as /status tells."""
    return (await client.get("/status")).json()["load"]["active"]


async def until_idle(client) -> None:
    """Returns when no answer is under way any more."""
    while await active(client):  # noqa: ASYNC110 - what is watched is in another client's reach only by HTTP
        await asyncio.sleep(0.01)


async def test_leaving_in_the_middle_of_an_answer_stops_the_model(serve, model_server):
    """The connection to the model server is closed when the client of a stream goes away."""
    model_server.it_streams_forever()
    client = await serve(backends=f"openai:{model_server.url}|m")
    async with (
        httpx.AsyncClient(base_url=client.base_url, verify=False) as leaver,
        leaver.stream("POST", PATH, json=chat(stream=True)) as response,
    ):
        await anext(response.aiter_lines())
        assert await active(client) == 1
    await asyncio.wait_for(model_server.client_left.wait(), SOON_S)
    await asyncio.wait_for(until_idle(client), SOON_S)
    assert 'viva_llm_answers_total{backend="openai",outcome="left"} 1.0' in (await client.get("/metrics")).text


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_before_the_first_token_stops_the_model(serve, model_server, stream):
    """A client need not wait for a token for its departure to be noticed."""
    model_server.it_hangs()
    client = await serve(backends=f"openai:{model_server.url}|m")
    async with httpx.AsyncClient(base_url=client.base_url, verify=False) as leaver:
        asking = asyncio.create_task(leaver.post(PATH, json=chat(stream=stream)))
        await asyncio.wait_for(model_server.asked.wait(), SOON_S)
        asking.cancel()
        await asyncio.wait([asking])
    await asyncio.wait_for(model_server.client_left.wait(), SOON_S)
    await asyncio.wait_for(until_idle(client), SOON_S)


async def test_leaving_a_whole_answer_stops_the_model(serve, model_server):
    """A client that waits for a whole answer is watched too while that is written."""
    model_server.it_streams_forever()
    client = await serve(backends=f"openai:{model_server.url}|m")
    async with httpx.AsyncClient(base_url=client.base_url, verify=False) as leaver:
        asking = asyncio.create_task(leaver.post(PATH, json=chat()))
        await asyncio.wait_for(model_server.asked.wait(), SOON_S)
        asking.cancel()
        await asyncio.wait([asking])
    await asyncio.wait_for(model_server.client_left.wait(), SOON_S)
    await asyncio.wait_for(until_idle(client), SOON_S)


async def test_excess_is_refused_at_once(serve, model_server):
    """Past the bound a request gets 503 with Retry-After, and the place is free again when its holder leaves."""
    model_server.it_hangs()
    client = await serve(backends=f"openai:{model_server.url}|m", max_active=1)
    async with httpx.AsyncClient(base_url=client.base_url, verify=False) as leaver:
        asking = asyncio.create_task(leaver.post(PATH, json=chat()))
        await asyncio.wait_for(model_server.asked.wait(), SOON_S)
        refused = await client.post(PATH, json=chat())
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        asking.cancel()
        await asyncio.wait([asking])
    await asyncio.wait_for(until_idle(client), SOON_S)
    model_server.it_answers("now")
    assert (await client.post(PATH, json=chat())).status_code == 200
