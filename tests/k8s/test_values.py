"""The values files: what they set is there to be set, and fits what the other files of k8s/ make."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path.name for path in (ROOT / "k8s").glob("values-*.yaml"))
GROUPS = ("vllm", "groups")


def paths(values: dict, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key in `values` by its path, down to where a value is no map or an empty one."""
    found = []
    for key, value in values.items():
        here = (*above, key)
        found += paths(value, here) if isinstance(value, dict) and value else [here]
    return found


def is_there(path: tuple[str, ...], defaults: dict) -> bool:
    """Whether the chart has a value at `path`. Below an empty map any key is free; a group has vllm.defaults' keys."""
    if path[:2] == GROUPS:
        path = ("vllm", "defaults", *path[3:])
    at = defaults
    for key in path:
        if at == {}:
            return True
        if not isinstance(at, dict) or key not in at:
            return False
        at = at[key]
    return True


@pytest.mark.parametrize("name", FILES)
def test_every_value_is_one_of_the_charts(documents, defaults, name):
    """A misspelt one stops the install, but only once somebody installs."""
    (values,) = documents(name)
    assert [".".join(path) for path in paths(values) if not is_there(path, defaults)] == []


def test_there_is_a_file_for_each_way_to_install():
    """Those that the documents name."""
    assert {"values-kind.yaml", "values-gpu.yaml", "values-eks.yaml", "values-eks-gateway.yaml"} == set(FILES)


def test_kind_takes_the_images_that_make_kind_loads(documents):
    """Under the name that scripts/images gives them, and never from the internet."""
    (values,) = documents("values-kind.yaml")
    assert values["image"] == {"registry": "localhost", "pullPolicy": "Never"}
    assert "readonly LOCAL=localhost\n" in (ROOT / "scripts" / "images").read_text()


def test_the_chart_without_values_takes_the_images_that_make_images_builds(defaults):
    """Wherever they have been loaded into the nodes, `helm install` alone finds them."""
    assert defaults["image"]["registry"] == "localhost"
    assert defaults["image"]["pullPolicy"] == "IfNotPresent"


def test_gpu_groups_start_from_profiles_that_are_there(documents, defaults):
    """One of them is on, so that the file adds a model without more being said."""
    (values,) = documents("values-gpu.yaml")
    groups = values["vllm"]["groups"]
    assert {group["profile"] for group in groups.values()} <= set(defaults["vllm"]["profiles"])
    assert [name for name, group in groups.items() if group.get("enabled", True)] == ["qwen"]


def test_eks_has_no_address_to_change_but_those_that_say_so(documents):
    """Whatever is somebody's own is an example address, an example account or says change-me."""
    (values,) = documents("values-eks.yaml")
    assert values["image"]["registry"].startswith("123456789012.")
    assert "change-me" in values["objectStore"]["s3"]["url"]
    assert values["ingress"]["host"].endswith(".example.com")


def test_the_gateway_of_eks_is_the_one_that_the_route_names(documents):
    """The route of the chart hangs on the HTTPS listener, for the same host, and HSTS is added by the one that can."""
    (values,) = documents("values-eks-gateway.yaml")
    objects = {found["kind"]: found for found in documents("eks-gateway.yaml")}
    (parent,) = values["ingress"]["gateway"]["parentRefs"]
    gateway = objects["Gateway"]
    listeners = {listener["name"]: listener for listener in gateway["spec"]["listeners"]}
    assert parent["name"] == gateway["metadata"]["name"]
    assert listeners[parent["sectionName"]]["protocol"] == "HTTPS"
    assert listeners[parent["sectionName"]]["hostname"] == values["ingress"]["host"]
    assert gateway["spec"]["gatewayClassName"] == objects["GatewayClass"]["metadata"]["name"]
    assert gateway["spec"]["infrastructure"]["parametersRef"]["name"] == "viva"
    (listener,) = objects["LoadBalancerConfiguration"]["spec"]["listenerConfigurations"]
    assert values["ingress"]["hsts"]["enabled"] is False
    assert "strict_transport_security" in listener["listenerAttributes"][0]["key"]


def test_the_route_asks_an_alb_for_nothing_that_it_does_not_know(documents):
    """Its controller documents timeouts and ResponseHeaderModifier of an HTTPRoute as not supported."""
    (values,) = documents("values-eks-gateway.yaml")
    assert values["ingress"]["gateway"]["requestTimeout"] == ""
    assert values["ingress"]["hsts"]["enabled"] is False


def test_the_gateway_waits_as_long_as_the_chart_says(documents, defaults):
    """An idle time shorter than a pause in a stream would cut it; a pod that ends is kept while it answers."""
    objects = {found["kind"]: found["spec"] for found in documents("eks-gateway.yaml")}
    attributes = {a["key"]: a["value"] for a in objects["LoadBalancerConfiguration"]["loadBalancerAttributes"]}
    assert attributes["idle_timeout.timeout_seconds"] == str(defaults["ingress"]["idleTimeoutSeconds"])
    targets = objects["TargetGroupConfiguration"]
    assert targets["targetReference"] == {"name": "viva-orchestrator"}
    assert targets["defaultConfiguration"]["targetType"] == "ip"
    delay = {a["key"]: a["value"] for a in targets["defaultConfiguration"]["targetGroupAttributes"]}
    assert delay == {"deregistration_delay.timeout_seconds": str(sum(defaults["orchestrator"]["drain"].values()))}
