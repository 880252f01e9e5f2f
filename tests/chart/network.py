"""NetworkPolicies as Kubernetes reads them: who may open a connection to whom, and on which port."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .selectors import matches


@dataclass(frozen=True)
class Endpoint:
    """A pod, or an address outside the cluster (no namespace)."""

    name: str
    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    """The named ports of its containers."""

    @property
    def is_pod(self) -> bool:
        return bool(self.namespace)


class Network:
    """The policies of a cluster.

    An address block is held against pods' addresses as well: whether a network plugin does that is left to it, so
    the reading that lets more through is the one to judge by.
    """

    def __init__(self, policies: Iterable[Mapping]) -> None:
        """Every policy names its namespace in its metadata."""
        self._policies = list(policies)

    def allows(self, source: Endpoint, target: Endpoint, port: int, protocol: str = "TCP") -> bool:
        """Whether both ends let a connection from `source` to `target` happen."""
        return self.lets_out(source, target, port, protocol) and self.lets_in(source, target, port, protocol)

    def lets_out(self, source: Endpoint, target: Endpoint, port: int, protocol: str = "TCP") -> bool:
        """Whether the egress rules that hold for `source` allow it; no rule for it at all allows everything."""
        return self._allowed("Egress", source, target, target, port, protocol)

    def lets_in(self, source: Endpoint, target: Endpoint, port: int, protocol: str = "TCP") -> bool:
        """Whether the ingress rules that hold for `target` allow it."""
        return self._allowed("Ingress", target, source, target, port, protocol)

    def _allowed(self, way: str, held: Endpoint, other: Endpoint, target: Endpoint, port: int, protocol: str) -> bool:
        if not held.is_pod:
            return True
        holding = [policy for policy in self._policies if _holds_for(policy, held) and way in _ways(policy)]
        if not holding:
            return True
        peers = "to" if way == "Egress" else "from"
        return any(
            _has_port(rule, target, port, protocol) and _has_peer(rule.get(peers), other, policy)
            for policy in holding
            for rule in policy["spec"].get(way.lower()) or []
        )


def _holds_for(policy: Mapping, pod: Endpoint) -> bool:
    same = policy["metadata"]["namespace"] == pod.namespace
    return same and matches(policy["spec"].get("podSelector") or {}, pod.labels)


def _ways(policy: Mapping) -> list[str]:
    spec = policy["spec"]
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]


def _has_peer(peers: list[Mapping] | None, other: Endpoint, policy: Mapping) -> bool:
    """No list of peers, or an empty one, means everybody."""
    return not peers or any(_is_peer(peer, other, policy) for peer in peers)


def _is_peer(peer: Mapping, other: Endpoint, policy: Mapping) -> bool:
    if block := peer.get("ipBlock"):
        address = ipaddress.ip_address(other.address)
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(address in ipaddress.ip_network(cidr) for cidr in block.get("except") or [])
    if not other.is_pod:
        return False
    if "namespaceSelector" in peer:
        if not matches(peer["namespaceSelector"] or {}, other.namespace_labels):
            return False
    elif other.namespace != policy["metadata"]["namespace"]:
        return False
    return matches(peer.get("podSelector") or {}, other.labels)


def _has_port(rule: Mapping, target: Endpoint, port: int, protocol: str) -> bool:
    """No list of ports, or an empty one, means every port; a name is looked up at the pod that is called."""
    ports = rule.get("ports")
    return not ports or any(_is_port(wanted, target, port, protocol) for wanted in ports)


def _is_port(wanted: Mapping, target: Endpoint, port: int, protocol: str) -> bool:
    if wanted.get("protocol", "TCP") != protocol:
        return False
    first = wanted.get("port")
    if first is None:
        return True
    if isinstance(first, str):
        return target.ports.get(first) == port
    return first <= port <= wanted.get("endPort", first)
