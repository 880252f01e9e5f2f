"""The objects of a release fit together: selectors find pods, ports and names lead somewhere."""

import re

import pytest

from .combinations import ALL
from .manifests import Rendered, name_of
from .pods import COMPONENT
from .selectors import matches


def test_a_workload_selects_its_own_pods_and_no_others(rendered: Rendered):
    """A Deployment's or StatefulSet's selector matches its template, and the template of no other."""
    owners = [
        manifest
        for manifest in rendered.objects
        if "selector" in manifest.get("spec", {}) and "template" in manifest["spec"]
    ]
    assert len(owners) >= 4
    for owner in owners:
        found = [str(pod) for pod in rendered.pods if matches(owner["spec"]["selector"], pod.labels)]
        assert found == [name_of(owner)]


def test_a_service_finds_the_pods_of_one_workload_and_their_port(rendered: Rendered):
    """Its selector matches one workload's pods; its target port is one that they have, by name or number."""
    services = rendered.kind("Service")
    assert {"orchestrator", "asr", "llm", "tts"} <= {each["metadata"]["labels"][COMPONENT] for each in services}
    for service in services:
        pods = [pod for pod in rendered.pods if matches({"matchLabels": service["spec"]["selector"]}, pod.labels)]
        assert len(pods) == 1, name_of(service)
        for port in service["spec"]["ports"]:
            wanted = port.get("targetPort", port["port"])
            assert wanted in {*pods[0].port_numbers, *pods[0].port_numbers.values()}, (name_of(service), wanted)


def test_the_ports_are_those_that_the_services_have(rendered: Rendered):
    """A Service's port and its pod's are the same, and those of the documents."""
    ports = {"orchestrator": 8080, "asr": 8081, "llm": 8082, "tts": 8083, "redis": 6379, "vllm": 8000}
    for service in rendered.kind("Service"):
        component = service["metadata"]["labels"][COMPONENT]
        assert [port["port"] for port in service["spec"]["ports"]] == [ports[component]], name_of(service)
    for pod in rendered.pods:
        if pod.is_service:
            assert set(pod.port_numbers.values()) == {ports[pod.component]}, str(pod)


def test_whoever_points_at_a_service_points_at_one_that_is_there(rendered: Rendered):
    """Backends of ingresses and routes, host names in the environment, the name of a StatefulSet's Service."""
    names = {each["metadata"]["name"] for each in rendered.kind("Service")}
    for manifest in rendered.kind("StatefulSet"):
        assert manifest["spec"]["serviceName"] in names
    for host in hosts_of_the_release(rendered):
        assert host in names
    ways_in = rendered.kind("Ingress") + rendered.kind("HTTPRoute")
    found = re.findall(r"'backendRefs': \[\{'name': '([^']+)'|'service': \{'name': '([^']+)'", str(ways_in))
    backends = {name for pair in found for name in pair if name}
    assert bool(backends) is bool(ways_in)
    assert backends <= names


def hosts_of_the_release(rendered: Rendered) -> set[str]:
    """Host names in the pods' environments and commands that have no dot and are no loopback."""
    hosts = set()
    for pod in rendered.pods:
        for container in pod.all_containers:
            texts = [each.get("value", "") for each in container.get("env") or []]
            texts += [*(container.get("command") or []), *(container.get("args") or [])]
            for text in texts:
                hosts.update(re.findall(r"\b[a-z]+://(?:[^@/\s]*@)?([a-z][a-z0-9-]*):\d+", text))
    return hosts - {"localhost", "proxy", "minio"}  # the latter two come from the combinations


def test_what_a_pod_refers_to_is_there_or_was_given(combination: str, rendered: Rendered):
    """Every ConfigMap, Secret, claim and account, with the key that is read, unless values name it as one's own."""
    given = re.findall(r"'((?:[a-z0-9]+-)*[a-z0-9]+)'", str(ALL[combination]))
    for pod in rendered.pods:
        for kind, name, key in pod.references():
            if (kind, name) in (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")):
                continue  # every namespace has them
            found = rendered.find(kind, name)
            if found is None:
                assert name in given, f"{pod}: {kind} {name} is neither made nor given"
            elif key is not None:
                assert key in {*found.get("data", {}), *found.get("stringData", {})}, (
                    f"{pod}: {kind} {name} has no {key}"
                )


def test_nothing_is_made_that_nobody_uses(rendered: Rendered):
    """Each ConfigMap, Secret, claim and account is some pod's, but for what others read by its label."""
    used = {(kind, name) for pod in rendered.pods for kind, name, _ in pod.references()}
    for kind in ("Secret", "PersistentVolumeClaim", "ServiceAccount", "ConfigMap"):
        for manifest in rendered.kind(kind):
            if kind == "ConfigMap" and manifest["metadata"]["labels"].get(COMPONENT) == "monitoring":
                continue  # Prometheus and Grafana read them
            assert (kind, manifest["metadata"]["name"]) in used, name_of(manifest)


def test_lists_with_keys_have_each_key_once(rendered: Rendered):
    """A variable, port, volume or mount twice is refused by the server, or one of them is lost."""
    for pod in rendered.pods:
        named = [pod.all_containers, pod.spec.get("volumes") or []]
        keys = [[each["name"] for each in things] for things in named]
        for container in pod.all_containers:
            keys.append([each["name"] for each in container.get("env") or []])
            keys.append([each["name"] for each in container.get("ports") or []])
            keys.append([each["mountPath"] for each in container.get("volumeMounts") or []])
        for found in keys:
            assert len(found) == len(set(found)), (str(pod), found)


def test_mounts_name_volumes_and_volumes_are_mounted(rendered: Rendered):
    """A mount of a volume that is not there stops the pod; a volume that nobody mounts is a mistake."""
    for pod in rendered.pods:
        mounted = {each["name"] for container in pod.all_containers for each in container.get("volumeMounts") or []}
        assert mounted == set(pod.volumes), str(pod)


def test_budgets_autoscalers_and_policies_point_at_pods_that_are_there(rendered: Rendered):
    """No budget, autoscaler, NetworkPolicy or ServiceMonitor for something that is not installed."""
    workloads = {
        (each["kind"], each["metadata"]["name"])
        for each in rendered.objects
        if each["kind"] in ("Deployment", "StatefulSet")
    }
    for manifest in rendered.kind("HorizontalPodAutoscaler") + rendered.kind("ScaledObject"):
        target = manifest["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) in workloads, name_of(manifest)
    for manifest in rendered.kind("PodDisruptionBudget"):
        found = [pod for pod in rendered.pods if matches(manifest["spec"]["selector"], pod.labels)]
        assert len(found) == 1, name_of(manifest)
    for manifest in rendered.kind("NetworkPolicy"):
        assert any(matches(manifest["spec"]["podSelector"], pod.labels) for pod in rendered.pods), name_of(manifest)
    for manifest in rendered.kind("ServiceMonitor"):
        services = [
            each
            for each in rendered.kind("Service")
            if matches(manifest["spec"]["selector"], each["metadata"]["labels"])
        ]
        assert services, name_of(manifest)
        ports = {port["name"] for each in services for port in each["spec"]["ports"]}
        assert {each["port"] for each in manifest["spec"]["endpoints"]} <= ports


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_no_image_and_no_configuration_is_called_latest(rendered: Rendered, kind: str):
    """Every image has a tag or a digest, and none is `latest`; nor is one named in a file of configuration."""
    for pod in rendered.pods:
        for container in pod.all_containers:
            image = container["image"].partition("@")[0]
            tag = image.rpartition("/")[2].partition(":")[2]
            assert tag, container["image"]
            assert tag != "latest"
    assert not re.search(r":latest\b", str(rendered.kind(kind)))
