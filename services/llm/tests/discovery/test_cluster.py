"""The way from a pod to its API server."""

from pathlib import Path

import pytest

from viva.errors import EngineUnavailable
from viva_llm.discovery.cluster import Cluster
from viva_llm.discovery.kubernetes import KubernetesDiscovery
from viva_llm.discovery.target import Target

from ..authority import make_authority
from .conftest import SERVICE, settled
from .kubernetes_api import KubernetesApi
from .things import endpoint_slice, url

ENVIRON = {"KUBERNETES_SERVICE_HOST": "10.43.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def of_pod(api: KubernetesApi, pod: Path) -> Cluster:
    """The cluster as a pod is told of it."""
    port = api.url.rpartition(":")[2]
    return Cluster.of_this_pod({"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port}, pod)


async def test_the_servers_certificate_is_checked_against_the_pods_ca(pod, pauses):
    """Over TLS the API is believed when the pod's ca.crt vouches for it, also one without key identifiers."""
    async with KubernetesApi(tls=make_authority(pod)) as api:
        api.put("vllm-a", endpoint_slice("10.0.0.1"))
        found = KubernetesDiscovery(SERVICE, of_pod(api, pod), sleep=pauses)
        await found.start()
        await settled(found, lambda: found.addresses == {url("10.0.0.1")})
        await found.close()


async def test_a_server_of_another_ca_is_not_sent_the_token(pod, pauses, tmp_path):
    """A server that the CA does not vouch for gets no request; that is said."""
    make_authority(pod)
    async with KubernetesApi(tls=make_authority(tmp_path / "other")) as api:
        found = KubernetesDiscovery(SERVICE, of_pod(api, pod), sleep=pauses)
        await found.start()
        await pauses.begun(1)
        await found.close()
        assert api.requests == []
    assert found.addresses is None
    assert "certificate verify failed" in found.problem


def test_an_ipv6_server_gets_its_brackets(pod):
    """The address of the API server may be of either family."""
    make_authority(pod)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    assert Cluster.of_this_pod(environ, pod).server == "https://[fd00::1]:443"


def test_outside_a_cluster_the_start_stops(pod):
    """Without the variables that Kubernetes sets, the sentence names them and what to do instead."""
    with pytest.raises(EngineUnavailable, match="works only in a pod: KUBERNETES_SERVICE_HOST"):
        Cluster.of_this_pod({}, pod)


@pytest.mark.parametrize("name", ["token", "ca.crt"])
def test_a_pod_without_a_token_stops_the_start(pod, name):
    """A pod whose token is not mounted, or whose CA is not, is told so with the path."""
    make_authority(pod)
    (pod / name).unlink()
    with pytest.raises(EngineUnavailable, match=f"{name} is missing or empty"):
        Cluster.of_this_pod(ENVIRON, pod)


async def test_a_pod_that_does_not_know_its_namespace_stops_the_start(pod):
    """The namespace comes from the target, else from the pod; without either there is nothing to look for."""
    (pod / "namespace").unlink()
    found = KubernetesDiscovery(SERVICE, Cluster("http://127.0.0.1:1", pod))
    with pytest.raises(EngineUnavailable, match="does not know its namespace"):
        await found.start()


async def test_a_named_namespace_is_asked(pod, pauses, api):
    """A target in another namespace is asked for there, where the Role of this pod does not reach."""
    target = Target(service="vllm", namespace="models")
    found = KubernetesDiscovery(target, Cluster(api.url, pod), sleep=pauses)
    await found.start()
    await pauses.begun(1)
    await found.close()
    assert api.requests[0].path == "/apis/discovery.k8s.io/v1/namespaces/models/endpointslices"
