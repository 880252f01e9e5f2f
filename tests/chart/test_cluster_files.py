"""The objects in k8s/ that are applied beside the chart: the cluster would take them, and Pod Security too."""

import re

import jsonschema
import kubernetes_validate
import pytest

from .chart import ROOT, render
from .custom_resources import SPECS
from .kubernetes_versions import VERSIONS
from .manifests import Manifest, name_of, parse
from .pod_security import violations

FILES = ("storage-classes.yaml", "redis-restore.yaml", "eks-gateway.yaml", "loadtest.yaml")
OF_AWS = ("gateway.k8s.aws/v1beta1",)
"""Groups whose schemas are not at hand: their fields were compared with the controller's documentation."""
UNKNOWN = ("GatewayClass",)
"""Kinds of the Gateway API that the chart has none of, and so no schema."""


def objects() -> list[Manifest]:
    return [found for name in FILES for found in parse((ROOT / "k8s" / name).read_text())]


@pytest.mark.parametrize("manifest", objects(), ids=name_of)
def test_the_cluster_would_take_it(manifest: Manifest):
    """No field that it does not know, and every value of the right type."""
    if manifest["apiVersion"] in SPECS:
        # The chart's own Gateway refers to nothing of its controller; this one has to.
        spec = {name: value for name, value in manifest["spec"].items() if name != "infrastructure"}
        if manifest["kind"] not in UNKNOWN:
            jsonschema.validate(spec, SPECS[manifest["apiVersion"]][manifest["kind"]])
    elif manifest["apiVersion"] not in OF_AWS:
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_the_pod_that_restores_redis_is_restricted():
    """It runs in the namespace of the release, which may enforce it."""
    (pod,) = [found for found in objects() if found["kind"] == "Pod"]
    assert violations(pod["spec"]) == []


def test_the_simulated_callers_are_restricted_and_let_in():
    """Their pod may run where Pod Security is enforced; their policy opens the orchestrator of the release to them."""
    found = {each["kind"]: each for each in objects() if each["metadata"]["name"] == "viva-loadtest"}
    job, policy = found["Job"], found["NetworkPolicy"]
    pod = job["spec"]["template"]
    assert violations(pod["spec"]) == []
    selected = policy["spec"]["podSelector"]["matchLabels"]
    release = render({"checkApis": False}, namespace=job["metadata"]["namespace"])
    (orchestrator,) = [pod for pod in release.pods if pod.component == "orchestrator"]
    assert selected.items() <= orchestrator.labels.items()
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"] == pod["metadata"]["labels"]
    (command,) = pod["spec"]["containers"][0]["args"]
    address = re.search(r"--url http://([\w-]+):(\d+)", command)
    service = release.find("Service", address[1])
    assert [port["port"] for port in service["spec"]["ports"]] == [int(address[2])] == [rule["ports"][0]["port"]]


def test_the_targets_of_the_gateway_are_the_orchestrators_pods():
    """Its Service is the one that the chart makes, and a pod is healthy when it is ready."""
    found = {each["kind"]: each for each in objects()}
    values = {"checkApis": False, "ingress": {"enabled": "gateway", "host": "viva.example.com"}}
    values["ingress"]["gateway"] = {"parentRefs": [{"name": "viva", "sectionName": "https"}]}
    values["networkPolicy"] = {"frontDoor": {"from": [{"ipBlock": {"cidr": "192.168.0.0/16"}}]}}
    release = render(values, namespace="viva")
    target = found["TargetGroupConfiguration"]
    service = release.find("Service", target["spec"]["targetReference"]["name"])
    assert service["metadata"]["namespace"] == target["metadata"]["namespace"]
    (main,) = [pod.main for pod in release.pods if pod.component == "orchestrator"]
    checked = target["spec"]["defaultConfiguration"]["healthCheckConfig"]["healthCheckPath"]
    assert checked == main["readinessProbe"]["httpGet"]["path"]
