"""Several replicas behind one backend, as clients and model servers see them."""

import asyncio
from collections import Counter

import pytest

from .model_server import HOLD, chat, event, sse, text_event

PATH = "/v1/chat/completions"
SOON_S = 30
# Nothing but what a test does changes the state of a replica.
STILL = {"probe_interval_s": 60, "load_interval_s": 60}
FINISH = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])


@pytest.fixture
def replicas(routes_file, model_server, second_server):
    """The routes file of a backend with two replicas; without them, the extractive answerer."""
    both = {"two": {"url": [model_server.url, second_server.url]}}
    return routes_file(both, fast=[{"backend": "two", "model": "m"}, {"backend": "extractive"}])


async def until(client, holds) -> dict:
    """The replicas in /status by address, as soon as `holds` is true of them."""
    async with asyncio.timeout(SOON_S):
        while True:
            body = (await client.get("/status")).json()["backends"][0]
            found = {replica["address"]: replica for replica in body["replicas"]}
            if holds(found):
                return found
            await asyncio.sleep(0.01)


async def first_of(key: str, client, *servers) -> tuple:
    """The servers in the order in which the key prefers them."""
    for server in servers:
        server.it_answers("ok")
    before = [len(server.requests) for server in servers]
    await client.post(PATH, json=chat(prompt_cache_key=key))
    return tuple(sorted(servers, key=lambda server: before[servers.index(server)] - len(server.requests)))


async def test_requests_with_a_key_meet_one_replica(serve, replicas, model_server, second_server):
    """All questions about a lecture go to the same replica; lectures are spread over both."""
    model_server.it_answers("ok")
    second_server.it_answers("ok")
    client = await serve(routes_file=replicas, **STILL)
    for number in range(10):
        for _ in range(3):
            await client.post(PATH, json=chat(f"Why {number}?", prompt_cache_key=f"lecture:{number}"))
    asked = [Counter(r["messages"][0]["content"] for r in s.requests) for s in (model_server, second_server)]
    assert not set(asked[0]) & set(asked[1])
    assert set((asked[0] + asked[1]).values()) == {3}
    assert asked[0]
    assert asked[1]


@pytest.mark.parametrize("fields", [{"user": "u{}"}, {"messages": [{"role": "system", "content": "lecture {}"}]}])
async def test_without_a_key_the_user_or_the_beginning_is_the_key(serve, replicas, model_server, second_server, fields):
    """Requests of one user, or with one beginning, meet one replica; many of them are spread."""
    model_server.it_answers("ok")
    second_server.it_answers("ok")
    client = await serve(routes_file=replicas, **STILL)
    used = []
    for number in range(10):
        before = len(model_server.requests)
        for turn in range(2):
            body = chat(f"Question {turn} of {number}")
            for name, value in fields.items():
                if name == "user":
                    body["user"] = value.format(number)
                else:
                    body["messages"] = [{"role": "system", "content": f"Lecture {number}"}, *body["messages"]]
            await client.post(PATH, json=body)
        used.append(len(model_server.requests) - before)
    assert set(used) == {0, 2}


async def test_key_stays_with_us(serve, replicas, model_server, second_server):
    """What is for the router alone is not sent on."""
    client = await serve(routes_file=replicas, **STILL)
    await first_of("lecture:1", client, model_server, second_server)
    assert "prompt_cache_key" not in (model_server.requests + second_server.requests)[0]


async def test_hot_key_spills_to_its_second_replica(serve, replicas, model_server, second_server):
    """A replica that has more than its share is passed over, and taken again when it has not."""
    client = await serve(routes_file=replicas, sticky_requests=1, load_factor=1, **STILL)
    first, second = await first_of("hot", client, model_server, second_server)
    first.it_sends(text_event("slow"), HOLD, FINISH)
    asking = asyncio.create_task(client.post(PATH, json=chat(prompt_cache_key="hot")))
    first.asked.clear()
    await asyncio.wait_for(first.asked.wait(), SOON_S)
    await client.post(PATH, json=chat(prompt_cache_key="hot"))
    assert (len(first.requests), len(second.requests)) == (2, 1)
    first.released.set()
    await asking
    first.it_answers("ok")
    await client.post(PATH, json=chat(prompt_cache_key="hot"))
    assert (len(first.requests), len(second.requests)) == (3, 1)


async def test_replica_with_a_queue_is_passed_over(serve, replicas, model_server, second_server, monkeypatch):
    """vLLM's own word that requests wait there sends a lecture to its second replica, while that has none waiting."""
    monkeypatch.setattr("viva_llm.backend._LOAD_LASTS", 3000)  # what is read often here need not grow old as soon
    model_server.metrics = second_server.metrics = b"vllm:num_requests_running 0.0\n"
    client = await serve(routes_file=replicas, probe_interval_s=60, load_interval_s=0.02)
    first, second = await first_of("hot", client, model_server, second_server)
    first.metrics = b"vllm:num_requests_running 1.0\nvllm:num_requests_waiting 2.0\nvllm:kv_cache_usage_perc 0.25\n"
    found = await until(client, lambda found: any(replica["waiting"] for replica in found.values()))
    assert (found[first.url]["running"], found[first.url]["waiting"], found[first.url]["kv_usage"]) == (1, 2, 0.25)
    await client.post(PATH, json=chat(prompt_cache_key="hot"))
    assert (len(first.requests), len(second.requests)) == (1, 1)
    first.metrics = first.metrics.replace(b"waiting 2.0", b"waiting 0.0")
    await until(client, lambda found: found[first.url]["waiting"] == 0)
    await client.post(PATH, json=chat(prompt_cache_key="hot"))
    assert (len(first.requests), len(second.requests)) == (2, 1)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda server: server.it_fails(500),
        lambda server: server.it_fails(429),
        lambda server: server.it_hangs_up(),
        lambda server: server.it_sends(text_event(""), end="cut"),
        lambda server: server.it_hangs(),
    ],
    ids=["500", "429", "hangs up", "cut", "hangs"],
)
async def test_failure_before_the_first_token_is_tried_again_elsewhere(
    serve, replicas, model_server, second_server, break_it
):
    """The other replica answers, which is nobody's fallback, and is counted as a retry."""
    client = await serve(routes_file=replicas, first_token_timeout_s=1, **STILL)
    first, second = await first_of("k", client, model_server, second_server)
    break_it(first)
    response = await client.post(PATH, json=chat(prompt_cache_key="k"))
    assert response.json()["choices"][0]["message"]["content"] == "ok"
    assert response.headers["x-viva-backend"] == "two"
    assert "x-viva-degraded" not in response.headers
    assert len(second.requests) == 1
    assert 'viva_llm_retries_total{backend="two",outcome="ok"} 1.0' in (await client.get("/metrics")).text


async def test_fault_of_the_request_is_not_tried_again(serve, replicas, model_server, second_server):
    """What one replica calls invalid the other would, too."""
    client = await serve(routes_file=replicas, **STILL)
    first, second = await first_of("k", client, model_server, second_server)
    first.it_fails(400)
    response = await client.post(PATH, json=chat(prompt_cache_key="k"))
    assert response.headers["x-viva-degraded"] == "llm:extractive"
    assert second.requests == []


async def test_retries_keep_to_their_budget(serve, replicas, model_server, second_server):
    """Without a budget there is no second attempt: the next route answers, and that is said."""
    client = await serve(routes_file=replicas, retry_share=0, **STILL)
    first, second = await first_of("k", client, model_server, second_server)
    first.it_fails(500)
    response = await client.post(PATH, json=chat(prompt_cache_key="k"))
    assert response.headers["x-viva-degraded"] == "llm:extractive"
    assert second.requests == []
    assert 'viva_llm_retries_total{backend="two",outcome="over_budget"} 1.0' in (await client.get("/metrics")).text


async def test_one_retry_at_most(serve, replicas, model_server, second_server):
    """When the other replica fails as well, the next route answers."""
    client = await serve(routes_file=replicas, **STILL)
    await first_of("k", client, model_server, second_server)
    model_server.it_fails(500)
    second_server.it_fails(500)
    before = len(model_server.requests) + len(second_server.requests)
    response = await client.post(PATH, json=chat(prompt_cache_key="k"))
    assert response.headers["x-viva-degraded"] == "llm:extractive"
    assert len(model_server.requests) + len(second_server.requests) == before + 2


async def test_one_retry_for_all_routes_together(serve, routes_file, model_server, second_server):
    """A request that has spent its retry asks each further route once."""
    for server in (model_server, second_server):
        server.it_fails(500)
    backend = {"url": [model_server.url, second_server.url]}
    path = routes_file(
        {"one": backend, "two": backend, "three": backend},
        fast=[*({"backend": name, "model": "m"} for name in ("one", "two", "three")), {"backend": "extractive"}],
    )
    client = await serve(routes_file=path, **STILL)
    response = await client.post(PATH, json=chat())
    assert response.headers["x-viva-degraded"] == "llm:extractive"
    assert len(model_server.requests) + len(second_server.requests) == 4
    metrics = (await client.get("/metrics")).text
    assert "viva_llm_retries_total{" in metrics
    assert 'viva_llm_retries_total{backend="two"' not in metrics


async def test_hanging_replica_costs_one_question_its_deadline(serve, replicas, model_server, second_server):
    """After a timeout the replica is ejected, and its keys are the other's; a probe that it answers changes nothing."""
    client = await serve(routes_file=replicas, first_token_timeout_s=1.5, probe_interval_s=0.02, load_interval_s=60)
    first, second = await first_of("k", client, model_server, second_server)
    first.it_hangs()
    for _ in range(4):
        assert (await client.post(PATH, json=chat(prompt_cache_key="k"))).headers["x-viva-backend"] == "two"
    assert (len(first.requests), len(second.requests)) == (2, 4)
    found = await until(client, lambda found: True)
    assert found[first.url]["state"] == "ejected"
    assert 'viva_llm_replicas{backend="two",state="ejected"} 1.0' in (await client.get("/metrics")).text


async def test_question_does_not_wait_for_a_process_that_hangs(serve, replicas, model_server, second_server):
    """When a server stops answering its probes, those who wait for its first token are answered by the other."""
    model_server.metrics = second_server.metrics = b"vllm:num_requests_running 0.0\n"
    client = await serve(routes_file=replicas, probe_interval_s=0.05, probe_timeout_s=0.5, load_interval_s=60)
    first, second = await first_of("k", client, model_server, second_server)
    first.it_hangs()
    first.asked.clear()
    asking = asyncio.create_task(client.post(PATH, json=chat(prompt_cache_key="k")))
    await asyncio.wait_for(first.asked.wait(), SOON_S)
    first.running.clear()
    response = await asyncio.wait_for(asking, 15)  # a first token may take 20 s
    assert response.headers["x-viva-backend"] == "two"
    assert len(second.requests) == 1
    assert (await until(client, lambda found: True))[first.url]["state"] == "ejected"
    first.running.set()


async def test_replica_comes_back_through_one_question(serve, replicas, model_server, second_server):
    """After its rest one question tries an ejected replica, and its success brings the key back."""
    client = await serve(routes_file=replicas, first_token_timeout_s=1.5, rest_s=0.3, **STILL)
    first, _second = await first_of("k", client, model_server, second_server)
    first.it_hangs()
    await client.post(PATH, json=chat(prompt_cache_key="k"))
    first.it_answers("back")
    await until(client, lambda found: found[first.url]["state"] == "half_open")
    answer = (await client.post(PATH, json=chat(prompt_cache_key="k"))).json()
    assert answer["choices"][0]["message"]["content"] == "back"
    assert (await until(client, lambda found: True))[first.url]["state"] == "up"


async def half_open(client, key: str, *servers) -> tuple:
    """The servers in the order in which the key prefers them; the first failed, has rested since, and hangs now."""
    first, second = await first_of(key, client, *servers)
    first.it_fails(500)
    await client.post(PATH, json=chat(prompt_cache_key=key))
    await until(client, lambda found: found[first.url]["state"] == "half_open")
    first.it_hangs()
    first.asked.clear()
    return first, second


async def test_old_request_that_ends_lets_no_second_question_try(serve, replicas, model_server, second_server):
    """While one question tries a replica, the end of another that was under way before lets no second one try it."""
    client = await serve(routes_file=replicas, eject_after=1, rest_s=0.3, **STILL)
    first, second = await first_of("k", client, model_server, second_server)
    first.it_sends(text_event("long"), HOLD, end="cut")
    old = asyncio.create_task(client.post(PATH, json=chat(prompt_cache_key="k")))
    await until(client, lambda found: found[first.url]["in_flight"] == 1)
    first, second = await half_open(client, "k", first, second)
    trial = asyncio.create_task(client.post(PATH, json=chat(prompt_cache_key="k")))
    await asyncio.wait_for(first.asked.wait(), SOON_S)
    old.cancel()
    await until(client, lambda found: found[first.url]["in_flight"] == 1)
    before = len(first.requests)
    assert (await client.post(PATH, json=chat(prompt_cache_key="k"))).status_code == 200
    assert len(first.requests) == before
    trial.cancel()


async def test_trial_whose_client_left_makes_room_for_the_next(serve, replicas, model_server, second_server):
    """It counts neither for nor against the replica, which the next question tries."""
    client = await serve(routes_file=replicas, eject_after=1, rest_s=0.3, **STILL)
    first, _second = await half_open(client, "k", model_server, second_server)
    trial = asyncio.create_task(client.post(PATH, json=chat(prompt_cache_key="k")))
    await asyncio.wait_for(first.asked.wait(), SOON_S)
    trial.cancel()
    found = await until(client, lambda found: not found[first.url]["in_flight"])
    assert found[first.url]["state"] == "half_open"
    first.it_answers("back")
    answer = (await client.post(PATH, json=chat(prompt_cache_key="k"))).json()
    assert answer["choices"][0]["message"]["content"] == "back"


async def test_retry_does_not_join_a_trial(serve, replicas, model_server, second_server):
    """While one question tries a replica, another that fails elsewhere goes on to the next route, not there."""
    client = await serve(routes_file=replicas, eject_after=1, rest_s=0.3, **STILL)
    first, second = await half_open(client, "k", model_server, second_server)
    trial = asyncio.create_task(client.post(PATH, json=chat(prompt_cache_key="k")))
    await asyncio.wait_for(first.asked.wait(), SOON_S)
    second.it_fails(500)
    before = len(first.requests)
    response = await client.post(PATH, json=chat(prompt_cache_key="k"))
    assert response.headers["x-viva-degraded"] == "llm:extractive"
    assert len(first.requests) == before
    trial.cancel()


async def test_replica_that_is_gone_is_not_asked(serve, replicas, model_server, second_server):
    """A replica that does not answer its probes leaves all questions to the other; without either, none is ready."""
    client = await serve(routes_file=replicas, probe_interval_s=0.02, load_interval_s=60)
    first, second = await first_of("k", client, model_server, second_server)
    await first.stop()
    await until(client, lambda found: found[first.url]["state"] == "unreachable")
    assert (await client.post(PATH, json=chat(prompt_cache_key="k"))).headers["x-viva-backend"] == "two"
    await second.stop()
    await until(client, lambda found: found[second.url]["state"] == "unreachable")
    body = (await client.get("/status")).json()
    assert (body["engine"], body["degraded"], body["backends"][0]["ready"]) == ("extractive", "llm:extractive", False)
    await first.start()
    await second.start()


async def test_replica_that_dies_midway_cuts_the_answer(serve, replicas, model_server, second_server):
    """A stream that has begun ends in an error, is counted against the replica, and leaves nothing under way."""
    client = await serve(routes_file=replicas, **STILL)
    first, second = await first_of("k", client, model_server, second_server)
    first.it_sends(text_event("half"), end="cut")
    events = sse((await client.post(PATH, json=chat(prompt_cache_key="k", stream=True))).text)
    assert events[-1]["error"]["retryable"]
    assert second.requests == []
    found = await until(client, lambda found: all(not replica["in_flight"] for replica in found.values()))
    assert found[first.url]["last_error"] == "the connection broke in the middle of its answer"


async def test_fallback_can_be_declined(serve, replicas, model_server, second_server):
    """With `X-Viva-Fallback: none` there is an error where otherwise the lecture would be quoted."""
    client = await serve(routes_file=replicas, **STILL)
    for status, headers in ((503, {"X-Viva-Fallback": "none"}), (200, {})):
        assert (await client.post(PATH, json=chat(), headers=headers)).status_code == status
    alone = await serve(backends="extractive")
    declined = await alone.post(PATH, json=chat(), headers={"X-Viva-Fallback": "none"})
    assert (declined.status_code, declined.json()["error"]["code"]) == (503, "llm_unavailable")
