"""A release's pods among what else is in a cluster and outside of it, for questions about the network."""

from dataclasses import replace
from itertools import product

from .chart import NAMESPACE
from .manifests import Rendered
from .network import Endpoint, Network
from .pods import COMPONENT, Pod


def _namespace(name: str) -> dict[str, str]:
    return {"kubernetes.io/metadata.name": name}


def _pod(name: str, address: str, namespace: str, **labels: str) -> Endpoint:
    named = {key.replace("_", "-"): value for key, value in labels.items()}
    return Endpoint(name, address, namespace, named, _namespace(namespace))


OTHERS = (
    _pod("dns", "10.0.0.10", "kube-system", k8s_app="kube-dns"),
    _pod("system", "10.0.0.11", "kube-system", k8s_app="metrics-server"),
    _pod("prometheus", "10.0.0.20", "monitoring", app="prometheus"),
    _pod("edge", "10.0.0.30", "edge", app="gateway"),
    _pod("tenant", "10.244.2.2", "tenant", app="orchestrator"),
    _pod("neighbour", "10.244.2.3", NAMESPACE, app="something-else"),
    Endpoint("world", "198.51.100.7"),
    Endpoint("node credentials", "169.254.169.254"),
    Endpoint("pod identity", "169.254.170.23"),
)
PORTS = (53, 80, 443, 4143, 4318, 6379, 6380, 6443, 8000, 8080, 8081, 8082, 8083, 9000)

Way = tuple[str, str, int]
"""Who calls, who is called, and on which port (TCP)."""


def endpoints(rendered: Rendered) -> list[Endpoint]:
    """The release's pods, by component, and the others. A second model group is called vllm-NAME."""
    found = [_endpoint(pod, number) for number, pod in enumerate(rendered.pods)]
    stranger = replace(
        found[0], name="a pod of another release", labels=_of_another_release(found[0]), address="10.244.2.1"
    )
    return [*found, *OTHERS, stranger]


def _endpoint(pod: Pod, number: int) -> Endpoint:
    address = f"10.244.1.{number + 1}"
    return Endpoint(pod.component, address, NAMESPACE, pod.labels, _namespace(NAMESPACE), pod.port_numbers)


def _of_another_release(endpoint: Endpoint) -> dict[str, str]:
    return {**endpoint.labels, "app.kubernetes.io/instance": "another", COMPONENT: "orchestrator"}


def open_ways(rendered: Rendered, protocol: str = "TCP") -> set[Way]:
    """Every way that the policies leave open from, to or between the release's pods."""
    network = Network(rendered.kind("NetworkPolicy"))
    release = {pod.component for pod in rendered.pods}
    return {
        (source.name, target.name, port)
        for source, target in product(endpoints(rendered), repeat=2)
        if source is not target and release & {source.name, target.name}
        for port in PORTS
        if network.allows(source, target, port, protocol)
    }
