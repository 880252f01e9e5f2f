"""llama-cpp-python's server does one thing at a time; what that means for questions that come together."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from .conftest import AS_IT_COMES, PATIENT, Router, events

LONG = {"max_tokens": 3000, "stream": True, "temperature": 0}


def begun(router: Router, name: str) -> tuple[httpx.Client, httpx.Response]:
    """A long answer whose first token has come, on a client of its own."""
    client = httpx.Client(base_url=router.http.base_url, timeout=120, trust_env=False)
    body = {"model": name, "messages": [{"role": "user", "content": "Why?"}], **LONG}
    response = client.send(client.build_request("POST", "/v1/chat/completions", json=body), stream=True)
    return client, response


@pytest.mark.parametrize("name", [AS_IT_COMES, PATIENT])
def test_probes_leave_a_long_answer_alone(router: Router, name: str):
    """The router asks for its models five times a second here, but not while it answers: that would break it off."""
    *chunks, done = events(router.ask(name, **LONG).text)
    assert done == "[DONE]"
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert len(chunks) > 1000
    assert router.replica(name)["state"] == "up"


@pytest.mark.parametrize("name", [AS_IT_COMES, PATIENT])
def test_a_client_that_leaves_ends_the_work(router: Router, name: str):
    """The server notices within a few tokens, long before the answer would have ended, and is free for the next."""
    client, response = begun(router, name)
    next(response.iter_lines())
    response.close()
    client.close()
    log = router.servers[name].log
    router.wait_until(lambda: "Disconnected from client" in log.read_text(errors="replace"))
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


def test_patience_lets_one_after_the_other_be_answered(router: Router):
    """With `--interrupt_requests false` questions that come together are all answered whole."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: router.ask(PATIENT, max_tokens=300).json()["choices"][0], range(4)))
    assert {answer["finish_reason"] for answer in answers} == {"length"}
    assert len({answer["message"]["content"] for answer in answers}) == 1
