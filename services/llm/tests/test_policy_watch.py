"""Aliases of a routes file, and changes of it while the service runs."""

import asyncio

import pytest

from viva.errors import EngineUnavailable
from viva_llm import backend as backend_module
from viva_llm.app import create_app
from viva_llm.backend import Backend
from viva_llm.settings import LLMSettings

from .model_server import HOLD, chat, event, text_event

PATH = "/v1/chat/completions"
SOON_S = 30
FINISH = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])


async def until(client, holds) -> dict:
    """/status, as soon as `holds` is true of it."""
    async with asyncio.timeout(SOON_S):
        while not holds(body := (await client.get("/status")).json()):  # noqa: ASYNC110 - HTTP tells no events
            await asyncio.sleep(0.01)
    return body


async def test_alias_and_model_are_asked_for_by_name(serve, routes_file, model_server, second_server):
    """An alias tries its routes in order, a model only the backends that have it, no name the default alias."""
    backends = {"a": {"url": model_server.url}, "b": {"url": second_server.url}}
    both = [{"backend": "a", "model": "big"}, {"backend": "b", "model": "small"}]
    path = routes_file(backends, quality=both, fast=both[::-1], default=both[1:])
    model_server.it_answers("from a")
    second_server.it_answers("from b")
    client = await serve(routes_file=path)
    for name, model in (
        ("quality", "big"),
        ("fast", "small"),
        ("big", "big"),
        ("small", "small"),
        ("viva", "small"),
        (None, "small"),
    ):
        assert (await client.post(PATH, json=chat(model=name))).json()["model"] == model
    model_server.it_fails(500)
    assert (await client.post(PATH, json=chat(model="quality"))).headers["x-viva-degraded"] == "llm:b"
    assert (await client.post(PATH, json=chat(model="big"))).status_code == 503


async def test_models_tell_their_context(serve, routes_file, model_server):
    """Aliases say what they stand for and how long a prompt their first route takes; models whose they are."""
    model_server.models = [{"id": "big", "max_model_len": 16384}]
    path = routes_file(
        {"a": {"url": model_server.url}}, fast=[{"backend": "a", "model": "big"}, {"backend": "extractive"}]
    )
    client = await serve(routes_file=path)
    listed = {model["id"]: model for model in (await client.get("/v1/models")).json()["data"]}
    assert list(listed) == ["viva", "fast", "big", "extractive"]
    ours = {"object": "model", "created": 0, "owned_by": "viva", "max_model_len": 16384}
    fast = {**ours, "models": ["big", "extractive"]}
    assert listed["fast"] == {"id": "fast", **fast}
    assert listed["viva"] == {"id": "viva", **fast}
    big = {"id": "big", "object": "model", "created": 0, "owned_by": "a", "max_model_len": 16384}
    assert listed["big"] == big == (await client.get("/v1/models/big")).json()
    assert listed["extractive"]["max_model_len"] is None
    status = (await client.get("/status")).json()
    assert [step["max_model_len"] for step in status["routes"]["fast"]] == [16384, None]
    (replica,) = status["backends"][0]["replicas"]
    assert replica["models"] == [{"id": "big", "max_model_len": 16384}]


async def test_deadlines_are_those_of_the_route(serve, routes_file, model_server, second_server):
    """Each route has its own time for a first token."""
    model_server.it_hangs()
    second_server.it_answers("ok")
    backends = {"a": {"url": model_server.url}, "b": {"url": second_server.url}}
    path = routes_file(backends, fast=[{"backend": "a", "model": "m", "first_token_s": 0.2}, {"backend": "b"}])
    client = await serve(routes_file=path, first_token_timeout_s=60)
    assert (await client.post(PATH, json=chat())).headers["x-viva-degraded"] == "llm:b"


async def test_change_of_the_file_is_taken_over(serve, routes_file, model_server, second_server):
    """New routes count from the next request on; an answer that is under way keeps its server."""
    path = routes_file({"a": {"url": model_server.url}}, fast=[{"backend": "a", "model": "m"}])
    client = await serve(routes_file=path, reload_interval_s=0.02)
    model_server.it_sends(text_event("old"), HOLD, text_event(" still"), FINISH)
    second_server.it_answers("new")
    asking = asyncio.create_task(client.post(PATH, json=chat()))
    await asyncio.wait_for(model_server.asked.wait(), SOON_S)
    routes_file({"b": {"url": second_server.url}}, fast=[{"backend": "b", "model": "m"}])
    await until(client, lambda body: body["engine"] == "b")
    assert (await client.post(PATH, json=chat())).json()["choices"][0]["message"]["content"] == "new"
    model_server.released.set()
    assert (await asking).json()["choices"][0]["message"]["content"] == "old still"
    assert 'viva_llm_policy_reloads_total{outcome="ok"} 1.0' in (await client.get("/metrics")).text


async def test_next_route_of_a_request_under_way_outlives_a_change(
    serve, routes_file, model_server, second_server, monkeypatch
):
    """A request goes on to its own next route when the first fails, though the new file has that no more."""
    monkeypatch.setattr(backend_module, "_RETIRING_S", 0.01)
    backends = {"a": {"url": model_server.url}, "b": {"url": second_server.url}}
    both = [{"backend": "a", "model": "m", "first_token_s": 1}, {"backend": "b", "model": "m"}]
    client = await serve(routes_file=routes_file(backends, fast=both), reload_interval_s=0.02)
    model_server.it_sends(HOLD, end="cut")
    second_server.it_answers("from b")
    asking = asyncio.create_task(client.post(PATH, json=chat()))
    await asyncio.wait_for(model_server.asked.wait(), SOON_S)
    routes_file(backends, fast=both[:1])
    await until(client, lambda body: len(body["backends"]) == 1)
    await asyncio.sleep(0.1)  # long enough for a backend that nobody holds to be closed
    model_server.released.set()
    assert (await asking).headers["x-viva-backend"] == "b"


async def test_backend_whose_entry_stays_keeps_its_record(serve, routes_file, model_server):
    """Another alias does not make the router forget what it knows of replicas."""
    model_server.it_answers("ok")
    backends, route = {"a": {"url": model_server.url}}, [{"backend": "a", "model": "m"}]
    client = await serve(routes_file=routes_file(backends, fast=route), reload_interval_s=0.02)
    await client.post(PATH, json=chat())
    routes_file(backends, fast=route, quality=route)
    body = await until(client, lambda body: "quality" in body["routes"])
    assert body["backends"][0]["replicas"][0]["first_token_ms_last"] is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aliases: {fast: [{backend: nobody}]}", "line 1: aliases.fast.0.backend: there is no backend 'nobody'"),
        ("aliases: [", "no YAML"),
        (None, "cannot be read"),
    ],
)
async def test_wrong_change_is_refused_and_told(serve, routes_file, model_server, text, said):
    """The old routes stay in force; log, metric and /status say why, until the file is right again."""
    model_server.it_answers("ok")
    backends, route = {"a": {"url": model_server.url}}, [{"backend": "a", "model": "m"}]
    path = routes_file(backends, fast=route)
    client = await serve(routes_file=path, reload_interval_s=0.02)
    path.unlink() if text is None else path.write_text(text)
    body = await until(client, lambda body: body["policy"]["error"])
    assert said in body["policy"]["error"]
    assert (await client.post(PATH, json=chat(model="fast"))).status_code == 200
    page = (await client.get("/metrics")).text
    assert 'viva_llm_policy_reloads_total{outcome="refused"} 1.0' in page
    assert "viva_llm_policy_stale 1.0" in page
    routes_file(backends, fast=route, more=route)
    body = await until(client, lambda body: "more" in body["routes"])
    assert body["policy"]["error"] is None
    assert "viva_llm_policy_stale 0.0" in (await client.get("/metrics")).text


async def test_change_that_cannot_be_taken_over_is_tried_again(serve, routes_file, model_server, monkeypatch):
    """A right file whose backends cannot be started is told of once, changes nothing, and is taken over as soon as they
    can be."""
    backends, route = {"a": {"url": model_server.url}}, [{"backend": "a", "model": "m"}]
    client = await serve(routes_file=routes_file(backends, fast=route), reload_interval_s=0.02, probe_interval_s=0.02)
    asked = 0

    async def refuse(_backend: Backend) -> None:
        nonlocal asked
        asked += 1
        raise EngineUnavailable("not now.")

    with monkeypatch.context() as patched:
        patched.setattr(Backend, "start", refuse)
        model_server.models = []  # which is no fault of a server that is asked for `m`
        routes_file({**backends, "b": {"url": model_server.url}}, fast=[{"backend": "a"}, {"backend": "b"}])
        body = await until(client, lambda body: body["policy"]["error"] and asked > 20)
        assert (body["policy"]["error"], body["engine"], body["backends"][0]["ready"]) == ("not now.", "a", True)
        assert 'viva_llm_policy_reloads_total{outcome="refused"} 1.0' in (await client.get("/metrics")).text
        assert (await client.post(PATH, json=chat(model="a"))).status_code == 404  # a name of the new file alone
    body = await until(client, lambda body: len(body["backends"]) == 2)
    assert body["policy"]["error"] is None


async def test_key_for_nobody_refuses_the_change(serve, routes_file, model_server):
    """A change that would leave a key without its backend, or send it to a wrong one, is refused."""
    path = routes_file({"a": {"url": model_server.url}}, fast=[{"backend": "a"}])
    client = await serve(routes_file=path, reload_interval_s=0.02, api_keys="a=sk-secret")
    routes_file({"b": {"url": model_server.url}}, fast=[{"backend": "b"}])
    body = await until(client, lambda body: body["policy"]["error"])
    assert "a key for 'a'" in body["policy"]["error"]
    assert "sk-secret" not in body["policy"]["error"]


def test_wrong_file_stops_the_start(tmp_path):
    """The service does not start with a file that is wrong, and says the line."""
    path = tmp_path / "routes.yaml"
    path.write_text("aliases:\n  fast:\n    - backend: nobody\n")
    with pytest.raises(EngineUnavailable, match=r"routes\.yaml, line 3: .*there is no backend 'nobody'"):
        create_app(LLMSettings(routes_file=path))
