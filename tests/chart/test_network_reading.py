"""The tests' own reading of NetworkPolicies, held against what Kubernetes documents."""

import pytest

from .network import Endpoint, Network

HERE = {"kubernetes.io/metadata.name": "lectures"}
THERE = {"kubernetes.io/metadata.name": "elsewhere"}
ASR = Endpoint("asr", "10.1.0.1", "lectures", {"app": "asr"}, HERE, {"http": 8081})
CALLER = Endpoint("caller", "10.1.0.2", "lectures", {"app": "caller"}, HERE)
FAR = Endpoint("far", "10.1.0.3", "elsewhere", {"app": "caller"}, THERE)
WORLD = Endpoint("world", "203.0.113.7")


def policy(select: dict, **spec) -> dict:
    return {"metadata": {"name": "p", "namespace": "lectures"}, "spec": {"podSelector": select, **spec}}


def only(label: str) -> dict:
    return {"matchLabels": {"app": label}}


def expression(operator: str, values: list[str] | None = None) -> dict:
    return {"matchExpressions": [{"key": "app", "operator": operator, "values": values}]}


def test_without_policies_everything_is_allowed():
    """A pod that no policy selects is open."""
    assert Network([]).allows(FAR, ASR, 8081)


def test_an_empty_policy_denies_both_ways():
    """Types without rules: nothing in, nothing out, for the pods of its own namespace only."""
    network = Network([policy({}, policyTypes=["Ingress", "Egress"])])
    assert not network.lets_in(CALLER, ASR, 8081)
    assert not network.lets_out(CALLER, ASR, 8081)
    assert network.lets_out(FAR, WORLD, 443)


def test_policy_types_default_to_ingress_and_what_has_rules():
    """A policy that names no types leaves the way out open unless it has egress rules."""
    assert Network([policy({})]).lets_out(CALLER, WORLD, 443)
    assert not Network([policy({}, egress=[])]).lets_out(CALLER, WORLD, 443)


def test_both_ends_have_to_allow_a_connection():
    """Ingress at the one that is called does not make up for missing egress at the caller."""
    into = policy(only("asr"), policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": only("caller")}]}])
    out = policy(only("caller"), policyTypes=["Egress"], egress=[{"to": [{"podSelector": only("asr")}]}])
    closed = policy(only("caller"), policyTypes=["Egress"])
    assert Network([into, out]).allows(CALLER, ASR, 8081)
    assert not Network([into, closed]).allows(CALLER, ASR, 8081)


def test_policies_add_up():
    """What one policy allows, another does not take away."""
    allow = policy(only("asr"), ingress=[{"from": [{"podSelector": only("caller")}]}])
    assert Network([policy({}), allow]).lets_in(CALLER, ASR, 8081)


@pytest.mark.parametrize(
    ("peer", "near", "far"),
    [
        ({"podSelector": only("caller")}, True, False),
        ({"podSelector": {}}, True, False),
        ({"namespaceSelector": {}}, True, True),
        ({"namespaceSelector": {"matchLabels": THERE}}, False, True),
        ({"namespaceSelector": {"matchLabels": THERE}, "podSelector": only("other")}, False, False),
        ({"podSelector": expression("NotIn", ["caller"])}, False, False),
        ({"podSelector": expression("Exists")}, True, False),
        ({"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.0.3/32"]}}, True, False),
    ],
)
def test_peers_are_told_apart_by_labels_namespace_and_address(peer, near, far):
    """A pod selector alone stays in the policy's namespace; both selectors must hold; exceptions are out of a block."""
    network = Network([policy(only("asr"), ingress=[{"from": [peer]}])])
    assert network.lets_in(CALLER, ASR, 8081) is near
    assert network.lets_in(FAR, ASR, 8081) is far


@pytest.mark.parametrize(
    ("ports", "allowed"),
    [
        ([], True),
        ([{"port": 8081}], True),
        ([{"port": 8080}], False),
        ([{"port": "http"}], True),
        ([{"port": "redis"}], False),
        ([{"port": 8000, "endPort": 8100}], True),
        ([{"port": 8081, "protocol": "UDP"}], False),
        ([{"protocol": "TCP"}], True),
    ],
)
def test_ports_are_numbers_ranges_or_names_of_the_pod_that_is_called(ports, allowed):
    """TCP unless it says otherwise; no ports means all of them."""
    network = Network([policy(only("asr"), ingress=[{"ports": ports}])])
    assert network.lets_in(CALLER, ASR, 8081) is allowed


def test_an_outside_address_is_reached_only_through_a_block():
    """Selectors never pick what is no pod."""
    anybody = policy(only("caller"), policyTypes=["Egress"], egress=[{"to": [{"namespaceSelector": {}}]}])
    block = policy(only("caller"), policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])
    assert not Network([anybody]).lets_out(CALLER, WORLD, 443)
    assert Network([block]).lets_out(CALLER, WORLD, 443)
