"""What discovery does when the API forgets, breaks off, falls silent, refuses or is away."""

import pytest

from .conftest import settled
from .kubernetes_api import KubernetesApi
from .things import endpoint_slice, url

A, B = url("10.0.0.1"), url("10.0.0.2")


@pytest.fixture
def two(api: KubernetesApi) -> KubernetesApi:
    """An API server with two slices of one endpoint each."""
    api.put("vllm-a", endpoint_slice("10.0.0.1"))
    api.put("vllm-b", endpoint_slice("10.0.0.2"))
    return api


@pytest.mark.parametrize("gone_status", [200, 410])
async def test_forgotten_changes_are_listed_anew(two, look, pauses, gone_status):
    """After 410 Gone, as an event or as a status, everything is listed again and what is gone is pruned.

    That is no failure: nothing is said to be out of date.
    """
    two.gone_status = gone_status
    found = await look(two)
    await two.watched()
    two.bookmark()
    two.end()
    await pauses.begun(1)
    two.remove("vllm-a")
    two.forget()
    pauses.go_on()
    await pauses.begun(2)
    assert (found.problem, found.stale) == ("", False)
    pauses.go_on()
    await settled(found, lambda: found.addresses == {B})
    assert len(two.of("list")) == 2


async def test_410_in_a_running_watch_is_listed_anew(two, look, pauses):
    """A watch that falls too far behind is told so in its stream."""
    found = await look(two)
    await two.watched()
    two.remove("vllm-a", told=False)
    two.say_error(410, "too old resource version")
    await pauses.begun(1)
    assert (found.problem, found.stale) == ("", False)
    pauses.go_on()
    await settled(found, lambda: found.addresses == {B})


@pytest.mark.parametrize("half_a_line", [b"", b'{"type": "ADDED", "obj'])
async def test_a_dropped_connection_is_listed_anew(two, look, pauses, half_a_line):
    """A connection that breaks off, between lines or within one, costs a pause and a list; what is gone is pruned."""
    found = await look(two)
    await two.watched()
    two.send_raw(half_a_line)
    two.drop()
    await pauses.begun(1)
    assert found.addresses == {A, B}
    assert found.stale
    assert "may be out of date" in found.problem
    two.remove("vllm-a")
    pauses.go_on()
    await settled(found, lambda: found.addresses == {B})
    assert not found.stale
    assert found.problem == ""
    assert len(two.of("list")) == 2


async def test_a_silent_connection_is_noticed(two, look, pauses):
    """A connection over which nothing comes any more, though it was never closed, is given up and listed anew."""
    two.silent = True
    pauses.go_on_always()  # first: on a busy machine a watch may be given up before it reached the server
    found = await look(two, watch_s=0, slack_s=0.1)
    await two.watched()
    two.remove("vllm-a")
    await settled(found, lambda: found.addresses == {B})


async def test_an_end_without_a_word_is_listed_anew_after_a_pause(two, look, pauses):
    """Watches that end at once with nothing are not begun anew in a circle: the pauses grow, and each lists."""
    found = await look(two)
    for times in (1, 2, 3, 4):
        await two.until(lambda: two.watchers == 1)
        two.end()
        await pauses.begun(times)
        await two.until(lambda: two.watchers == 0)
        pauses.go_on()
    await two.until(lambda: len(two.of("list")) == 5)
    assert found.addresses == {A, B}
    assert all(low <= asked <= 2 * low for asked, low in zip(pauses.asked_s, (0.25, 0.5, 1, 2), strict=True))


async def test_a_watch_that_lasted_begins_with_short_pauses_again(two, look, pauses, clock):
    """A quiet watch that ends when its time is over is no failure."""
    await look(two)
    for times in (1, 2, 3):
        await two.until(lambda: two.watchers == 1)
        clock.now += 100
        two.end()
        await pauses.begun(times)
        await two.until(lambda: two.watchers == 0)
        pauses.go_on()
    assert max(pauses.asked_s) <= 0.5


async def test_a_server_that_is_away_is_asked_less_and_less_often(two, look, pauses):
    """Pauses double up to half a minute."""
    two.status = 503
    await look(two)
    for times in range(1, 10):
        await pauses.begun(times)
        pauses.go_on()
    await pauses.begun(10)
    assert pauses.asked_s[0] <= 0.5
    assert all(15 <= asked <= 30 for asked in pauses.asked_s[6:])


async def test_an_outage_keeps_what_was_known_for_a_while(two, look, pauses, clock):
    """While the API is away the last addresses stay, marked as stale; after ten minutes they are given up, in words."""
    found = await look(two, keep_s=600)
    await two.watched()
    await two.go()
    await pauses.begun(1)
    clock.now += 599
    pauses.go_on()
    await pauses.begun(2)
    assert found.addresses == {A, B}
    assert found.status()["stale"]
    assert found.status()["heard_s"] == 599
    assert found.problem.startswith("the addresses of Service vllm may be out of date: the list from the API server")
    clock.now += 2
    pauses.go_on()
    await pauses.begun(3)
    assert found.addresses is None
    assert not found.stale
    assert found.problem.startswith("the addresses of Service vllm were given up after 600 s: ")


async def test_what_was_given_up_comes_back(two, look, pauses, clock):
    """Once the API answers again the addresses are there, and what was removed meanwhile is not."""
    found = await look(two, keep_s=1)
    await two.watched()
    await two.go()
    await pauses.begun(1)
    clock.now += 2
    pauses.go_on()
    await pauses.begun(2)
    assert found.addresses is None
    two.remove("vllm-a")
    await two.come()
    pauses.go_on()
    await settled(found, lambda: found.addresses == {B})
    assert found.problem == ""


async def test_a_refused_list_is_said(two, look, pauses):
    """403 is told with the verb, the resource, the namespace and what to bind; nothing is known, which is not none."""
    two.verbs.clear()
    found = await look(two)
    await pauses.begun(1)
    assert found.addresses is None
    assert found.problem == (
        "it is not known where Service vllm is: this pod's ServiceAccount may not list endpointslices in namespace "
        "viva (403): bind a Role with get, list and watch of endpointslices there to it"
    )
    two.verbs |= {"list", "watch"}
    pauses.go_on()
    await settled(found, lambda: found.addresses == {A, B})
    assert found.problem == ""


async def test_a_refused_watch_is_said_and_lists_go_on(two, look, pauses):
    """Without the right to watch, the addresses are as fresh as the last list, and what is missing is said."""
    two.verbs.discard("watch")
    found = await look(two)
    await pauses.begun(1)
    assert "may not watch endpointslices in namespace viva (403)" in found.problem
    two.remove("vllm-a")
    pauses.go_on()
    await settled(found, lambda: found.addresses == {B})


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "the API server does not accept this pod's token (401)"),
        (404, "the API server knows no endpointslices or no namespace viva (404)"),
        (500, "the API server answered list with HTTP 500"),
    ],
)
async def test_other_refusals_are_said(two, look, pauses, status, said):
    """Every refusal is a sentence."""
    two.status = status
    found = await look(two)
    await pauses.begun(1)
    assert found.problem == f"it is not known where Service vllm is: {said}"


async def test_an_error_in_the_watch_is_said(two, look, pauses):
    """An ERROR event other than 410 is a failure with the server's own words."""
    found = await look(two)
    await two.watched()
    two.say_error(500, "etcd is away")
    await pauses.begun(1)
    assert found.problem.endswith("the API server ended the watch: etcd is away")


NONSENSE = [b"<html>\n", b'"text"\n', b"{}\n", b'{"type":"ADDED","object":{"metadata":{}}}\n']


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_nonsense_in_the_watch_is_a_failure(two, look, pauses, nonsense):
    """Whatever is no event is never taken for one."""
    found = await look(two)
    await two.watched()
    two.send_raw(nonsense)
    await pauses.begun(1)
    assert "the watch from the API server broke off or made no sense" in found.problem
    assert found.addresses == {A, B}


@pytest.mark.parametrize("way", ["end", "drop"])
async def test_a_renewed_token_is_sent(two, look, pauses, pod, way):
    """The token is read for every request, on an old connection too, so that the kubelet's last one is sent."""
    found = await look(two)
    await two.watched()
    two.bookmark()
    getattr(two, way)()
    await pauses.begun(1)
    two.tokens = {"second-token"}
    (pod / "token").write_text("second-token\n")
    two.remove("vllm-a")
    pauses.go_on()
    await settled(found, lambda: found.addresses == {B})
    assert two.requests[-1].headers["Authorization"] == "Bearer second-token"


async def test_a_token_that_vanished_is_said(two, look, pauses, pod):
    """A token that cannot be read is a failure like others, and no end of the looking."""
    (pod / "token").unlink()
    found = await look(two)
    await pauses.begun(1)
    assert found.problem.endswith("the pod's token or CA cannot be read: No such file or directory")
    (pod / "token").write_text("first-token")
    pauses.go_on()
    await settled(found, lambda: found.addresses == {A, B})
