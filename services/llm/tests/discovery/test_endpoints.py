"""What is read out of EndpointSlices and pods."""

import pytest

from viva_llm.discovery.endpoints import Summary, read
from viva_llm.discovery.target import Target

from .things import endpoint, endpoint_slice, pod, url

SERVICE, PODS = Target(service="vllm"), Target(selector="app=vllm")
A, B = url("10.0.0.1"), url("10.0.0.2")


@pytest.mark.parametrize(
    ("conditions", "taken"),
    [
        ({"ready": True, "serving": True, "terminating": False}, True),
        ({}, True),  # Kubernetes: absent means ready
        ({"ready": None}, True),
        ({"ready": False}, False),
        ({"ready": False, "serving": True, "terminating": True}, False),
        ({"ready": True, "terminating": True}, False),  # of a Service with publishNotReadyAddresses
    ],
)
def test_only_ready_endpoints_that_stay_are_taken(conditions, taken):
    """An endpoint that is not ready, or ends, is left out and counted."""
    found = read(SERVICE, endpoint_slice(endpoint("10.0.0.1", **conditions)))
    assert found.urls == ({A} if taken else set())
    assert found.unready == (not taken)


@pytest.mark.parametrize("empty", [{"endpoints": None}, {"endpoints": []}])
def test_a_slice_without_endpoints_is_empty(empty):
    """Kubernetes writes null for a list without entries."""
    assert read(SERVICE, {**endpoint_slice(), **empty}).urls == frozenset()


def test_conditions_may_be_null():
    """Conditions that nobody set are those of an endpoint that is ready."""
    assert read(SERVICE, endpoint_slice({"addresses": ["10.0.0.1"], "conditions": None})).urls == {A}


def test_the_named_port_is_taken():
    """Of several ports the target's is taken, by its name or its number."""
    ports = endpoint_slice("10.0.0.1", metrics=9000, api=8000)
    assert read(Target(service="vllm", port="api"), ports).urls == {A}
    assert read(Target(service="vllm", port=8000), ports).urls == {A}
    assert read(Target(service="vllm", port="http"), ports).ports == {"metrics", "api"}


def test_a_port_without_a_name_is_the_empty_name():
    """A Service of one port need not name it; slices then have no name, null or an empty one."""
    target = Target(service="vllm", port="")
    for name in ({}, {"name": None}, {"name": ""}):
        assert read(target, {**endpoint_slice("10.0.0.1"), "ports": [{**name, "port": 8000}]}).urls == {A}


def test_one_endpoint_is_one_replica():
    """An endpoint with several addresses counts once."""
    assert read(SERVICE, endpoint_slice({"addresses": ["10.0.0.1", "10.0.0.2"]})).urls == {A}


def test_a_replica_of_two_families_counts_once():
    """A dual-stack Service has slices of both families with the same pods; IPv4 is taken, IPv6 where it is alone."""
    four, six = endpoint_slice("10.0.0.1"), endpoint_slice("fd00::1", family="IPv6")
    assert Summary.of([read(SERVICE, four), read(SERVICE, six)]).urls == {A}
    assert Summary.of([read(SERVICE, six)]).urls == {"http://[fd00::1]:8000/v1"}


def test_an_endpoint_in_two_slices_counts_once():
    """While Kubernetes moves endpoints between slices, one may stand in both."""
    both = [read(SERVICE, endpoint_slice("10.0.0.1")), read(SERVICE, endpoint_slice("10.0.0.1", "10.0.0.2"))]
    assert Summary.of(both).urls == {A, B}


def test_names_are_no_addresses():
    """Slices of the family FQDN are not read."""
    assert read(SERVICE, endpoint_slice("vllm.example.com", family="FQDN")).urls == frozenset()


def test_a_ready_pod_is_taken():
    """A pod counts with its IP and the container port of that name, or the number given."""
    assert read(PODS, pod("10.0.0.1")).urls == {A}
    assert read(Target(selector="app=vllm", port=8000), pod("10.0.0.1", port="other")).urls == {A}
    assert read(PODS, pod("10.0.0.1", port="other")).ports == {"other"}


@pytest.mark.parametrize("state", [{"ready": False}, {"ends": True}, {"phase": "Pending", "ready": False}])
def test_a_pod_that_is_not_ready_or_ends_is_left_out(state):
    """A pod on its way in or out is counted, not taken, though it may still say that it is ready."""
    found = read(PODS, pod("10.0.0.1", **state))
    assert (found.urls, found.unready) == (frozenset(), 1)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_is_over_does_not_count(phase):
    """What remains of a pod that ended, or was evicted, is nobody who could become ready."""
    assert read(PODS, pod("10.0.0.1", phase=phase)).unready == 0


def test_a_pod_without_an_address_is_left_out():
    """A pod that was just made has no status to speak of."""
    assert read(PODS, {**pod("10.0.0.1"), "status": {"phase": "Pending"}}).unready == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "name a service or a selector"),
        ({"service": "a", "selector": "b=c"}, "name a service or a selector"),
        ({"service": "Not_A_Name"}, "'Not_A_Name' is no name of a Service"),
        ({"service": "a", "namespace": "a b"}, "'a b' is no name of a namespace"),
        ({"selector": "a=b", "objects": "nodes"}, "not for 'nodes'"),
        ({"service": "a", "port": 70000}, "70000 is no port"),
        ({"service": "a", "path": "v1"}, "has to begin with a slash"),
    ],
)
def test_what_cannot_be_looked_for_is_said(fields, said):
    """A wrong target is refused with a sentence."""
    with pytest.raises(ValueError, match=said):
        Target(**fields)
