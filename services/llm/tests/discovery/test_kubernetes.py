"""Replicas found through the Kubernetes API: what is listed, watched, pruned, and said."""

from viva_llm.discovery.target import Target

from .conftest import settled
from .kubernetes_api import PODS, SLICES, KubernetesApi
from .things import endpoint_slice, pod, url

A, B, C = url("10.0.0.1"), url("10.0.0.2"), url("10.0.0.3")


async def test_nothing_is_known_before_the_first_answer(api, look):
    """Before the API has answered, the addresses are unknown, which is not none, and that is said."""
    api.status = 500
    found = await look(api)
    assert found.addresses is None
    assert "has not answered yet" in found.problem


async def test_what_is_listed_is_found(api, look):
    """The ready endpoints of all slices of the Service are its addresses; another Service's are not."""
    api.put("vllm-a", endpoint_slice("10.0.0.1"))
    api.put("vllm-b", endpoint_slice("10.0.0.2"))
    api.put("redis-a", endpoint_slice("10.0.0.9", service="redis"))
    found = await look(api)
    await settled(found, lambda: found.addresses == {A, B})
    assert found.problem == ""


async def test_changes_are_followed(api, look):
    """What is added, changed and deleted shows at once, without another list."""
    api.put("vllm-a", endpoint_slice("10.0.0.1"))
    found = await look(api)
    await api.watched()
    api.put("vllm-b", endpoint_slice("10.0.0.2"))
    await settled(found, lambda: found.addresses == {A, B})
    api.put("vllm-a", endpoint_slice("10.0.0.1", "10.0.0.3"))
    await settled(found, lambda: found.addresses == {A, B, C})
    api.remove("vllm-b")
    await settled(found, lambda: found.addresses == {A, C})
    assert len(api.of("list")) == 1


async def test_nothing_is_missed_between_list_and_watch(api, look):
    """The watch begins at the version of the list, so that a change between the two is replayed."""
    api.put("vllm-a", endpoint_slice("10.0.0.1"))
    api.verbs.discard("watch")
    found = await look(api)
    await api.until(lambda: api.of("watch"))
    watch = api.of("watch")[0]
    assert watch.query["resourceVersion"] == str(api.version)
    assert watch.query["allowWatchBookmarks"] == "True"
    assert watch.query["timeoutSeconds"] == "100"
    assert found.status()["lists"] == 1


async def test_only_reads_of_one_collection_are_asked_for(api, look):
    """get, list and watch of one kind of object in one namespace are all that a Role has to allow."""
    api.put("vllm-a", endpoint_slice("10.0.0.1"))
    await look(api)
    await api.watched()
    assert {(request.method, request.path) for request in api.requests} == {("GET", SLICES)}
    assert {request.query["labelSelector"] for request in api.requests} == {"kubernetes.io/service-name=vllm"}


async def test_an_orderly_end_is_taken_up_where_it_ended(api, look, pauses):
    """A watch that the server ends goes on from the last version heard, a bookmark's too, with no new list."""
    api.put("vllm-a", endpoint_slice("10.0.0.1"))
    found = await look(api)
    await api.watched()
    api.bookmark()
    api.end()
    await pauses.begun(1)
    api.put("vllm-a", endpoint_slice("10.0.0.2"))
    pauses.go_on()
    await settled(found, lambda: found.addresses == {B})
    assert api.of("watch")[1].query["resourceVersion"] == str(api.version - 1)
    assert len(api.of("list")) == 1


async def test_pods_are_found_by_their_labels(look):
    """With labels, pods are asked for by that selector, and those that are ready are the addresses."""
    async with KubernetesApi(PODS) as api:
        api.put("vllm-0", pod("10.0.0.1"))
        api.put("vllm-1", pod("10.0.0.2", ready=False))
        found = await look(api, Target(selector="app=vllm"))
        await settled(found, lambda: found.addresses == {A})
        await api.watched()
        api.put("vllm-1", pod("10.0.0.2"))
        await settled(found, lambda: found.addresses == {A, B})
        assert {request.query["labelSelector"] for request in api.requests} == {"app=vllm"}


async def test_nothing_of_that_name_is_said(api, look):
    """An empty list means no addresses, which are known then, and a sentence that doubts the name."""
    found = await look(api)
    await settled(found, lambda: found.addresses == frozenset())
    assert found.problem == "there is nothing of Service vllm in namespace viva: is that the right name?"


async def test_no_ready_replica_is_said(api, look):
    """Replicas that are there and not ready are counted in the sentence."""
    api.put("vllm-a", endpoint_slice({"addresses": ["10.0.0.1"], "conditions": {"ready": False}}))
    found = await look(api)
    await settled(found, lambda: found.addresses == frozenset())
    assert found.problem == "Service vllm in namespace viva has no replica that is ready (1 are not)"


async def test_a_service_without_replicas_is_said(api, look):
    """A Service scaled to nothing has slices without endpoints."""
    api.put("vllm-a", endpoint_slice())
    found = await look(api)
    await settled(found, lambda: found.addresses == frozenset())
    assert found.problem == "Service vllm in namespace viva has no replicas"


async def test_a_wrong_port_is_said_with_the_right_ones(api, look):
    """A port that the Service does not have is answered with those that it has."""
    api.put("vllm-a", endpoint_slice("10.0.0.1", metrics=9000, web=8000))
    found = await look(api)
    await settled(found, lambda: found.addresses == frozenset())
    assert found.problem == "Service vllm in namespace viva has no port called http, but metrics, web"


async def test_status_says_what_is_known(api, look, clock):
    """The status has the target, the addresses in order, and the time since the API was heard."""
    api.put("vllm-a", endpoint_slice("10.0.0.2", "10.0.0.1"))
    found = await look(api)
    await api.watched()
    clock.now += 4
    assert found.status() == {
        "kind": "kubernetes",
        "target": "Service vllm",
        "namespace": "viva",
        "port": "http",
        "addresses": [A, B],
        "stale": False,
        "heard_s": 4.0,
        "lists": 1,
        "problem": None,
    }


async def test_an_unreadable_object_is_left_out(api, look):
    """One object that makes no sense does not hide the others."""
    api.put("vllm-a", endpoint_slice("10.0.0.1"))
    api.put("vllm-b", {**endpoint_slice(), "endpoints": [{"conditions": {}}]})
    found = await look(api)
    await settled(found, lambda: found.addresses == {A})


async def test_closing_ends_the_watch(api, look):
    """A closed discovery leaves no connection at the API server."""
    found = await look(api)
    await api.watched()
    await found.close()
    await api.until(lambda: api.watchers == 0)
