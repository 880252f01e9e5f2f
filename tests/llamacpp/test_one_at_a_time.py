"""llama-cpp-python's server does one thing at a time, and llama.cpp's two here; what that means for questions that come
together, and for those who leave."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from .conftest import ALL, AS_IT_COMES, LLAMA_CPP, PATIENT, Router, events

NOTICED = {LLAMA_CPP: "cancel task", AS_IT_COMES: "Disconnected from client", PATIENT: "Disconnected from client"}
"""What a server logs when a client has left."""
LONG = {"max_tokens": 3000, "stream": True, "temperature": 0}


def begun(router: Router, name: str) -> tuple[httpx.Client, httpx.Response]:
    """A long answer whose first token has come, on a client of its own."""
    client = httpx.Client(base_url=router.http.base_url, timeout=120, trust_env=False)
    body = {"model": name, "messages": [{"role": "user", "content": "Why?"}], **LONG}
    response = client.send(client.build_request("POST", "/v1/chat/completions", json=body), stream=True)
    return client, response


@pytest.mark.parametrize("name", ALL)
def test_probes_leave_a_long_answer_alone(router: Router, name: str):
    """The router asks for its models five times a second here, but not while it answers: that would break it off."""
    *chunks, done = events(router.ask(name, **LONG).text)
    assert done == "[DONE]"
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert len(chunks) > 1000
    assert router.replica(name)["state"] == "up"


@pytest.mark.parametrize("name", ALL)
def test_a_client_that_leaves_ends_the_work(router: Router, name: str):
    """The server notices within a few tokens, long before the answer would have ended, and is free for the next."""
    log = router.servers[name].log
    before = log.read_text(errors="replace").count(NOTICED[name])
    client, response = begun(router, name)
    next(response.iter_lines())
    response.close()
    client.close()
    router.wait_until(lambda: log.read_text(errors="replace").count(NOTICED[name]) > before)
    router.wait_until(lambda: router.replica(name)["in_flight"] == 0)
    assert router.ask(name, max_tokens=4).status_code == 200


def test_an_answer_that_another_request_breaks_off_is_an_error(router: Router):
    """As it comes, the server ends an answer for the next one's sake, with [DONE] and no finish reason: that is never
    given out as a whole answer."""
    client, response = begun(router, AS_IT_COMES)
    lines = response.iter_lines()
    first = next(lines)
    httpx.get(f"{router.servers[AS_IT_COMES].part.url}/v1/models", timeout=120, trust_env=False)
    found = events("\n".join([first, *lines]))
    client.close()
    assert (found[-1]["error"]["code"], found[-1]["error"]["retryable"]) == ("llm_unavailable", True)
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in found[:-1])


@pytest.mark.parametrize("name", [PATIENT, LLAMA_CPP])
def test_those_who_come_together_are_all_answered(router: Router, name: str):
    """Whole, by llama-cpp-python's server with `--interrupt_requests false` one after the other, and by llama.cpp's."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: router.ask(name, max_tokens=300).json()["choices"][0], range(4)))
    assert {answer["finish_reason"] for answer in answers} == {"length"}
    assert min(len(answer["message"]["content"]) for answer in answers) > 200
