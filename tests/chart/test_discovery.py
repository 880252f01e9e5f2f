"""What llm is told of its model servers, how it finds their pods, and what it may read for that."""

import pytest

from viva_llm.discovery.cluster import MOUNT
from viva_llm.policy import Policy, RoutePolicy
from viva_llm.policy_file import parse_policy

from .chart import NAMESPACE, render
from .combinations import ALL
from .manifests import Rendered
from .pods import COMPONENT, Pod
from .variables import Surroundings, environment, file_of

GROUP = {"vllm": {"groups": {"qwen": {"profile": "qwen2.5-omni-3b"}}}}
BY_SERVICE = {**GROUP, "llm": {"discovery": "service"}}
KINDS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def llm_of(rendered: Rendered) -> Pod:
    """llm's pod."""
    (pod,) = [pod for pod in rendered.pods if pod.component == "llm"]
    return pod


def policy_of(rendered: Rendered) -> Policy | None:
    """The routes file as llm reads it; raises PolicyError. None where it is given a list instead."""
    pod, surroundings = llm_of(rendered), Surroundings(rendered, made_up=True)
    path = environment(pod, pod.main, surroundings).get("VIVA_LLM_ROUTES_FILE")
    return parse_policy(file_of(pod, path, surroundings).encode(), path) if path else None


def discovered(rendered: Rendered) -> list[str]:
    """The Services whose pods llm finds by itself."""
    policy = policy_of(rendered)
    backends = policy.backends.values() if policy else []
    return [backend.kubernetes.service for backend in backends if backend.kubernetes]


def names_in(rendered: Rendered) -> list[str]:
    """The backends that are asked by default, in order."""
    return [step.backend for step in policy_of(rendered).aliases["default"]]


def test_the_routes_are_those_that_the_service_takes(rendered: Rendered):
    """llm reads the routes file of every combination without a complaint, and each group is a backend of it."""
    policy = policy_of(rendered)
    groups = {group for pod in rendered.pods if (group := pod.labels.get("viva.dev/model-group"))}
    assert groups <= set(policy.used())


def test_a_group_is_asked_for_the_model_that_it_serves(rendered: Rendered):
    """Each group's step in the aliases has the name that its server gives the model."""
    steps = {step.backend: step for steps in policy_of(rendered).aliases.values() for step in steps}
    for pod in rendered.pods:
        if pod.component == "vllm":
            (served,) = [word for word in pod.main["args"] if word.startswith("--served-model-name=")]
            model = steps[pod.labels["viva.dev/model-group"]].model
            # Without one, llm learns it from the server.
            assert model in (served.partition("=")[2], ""), str(pod)


def test_backends_are_services_that_are_there_at_a_port_that_they_have(rendered: Rendered):
    """Whether watched or called, a group is named by its Service, and the port by the name or number it has there."""
    services = {each["metadata"]["name"]: each["spec"]["ports"] for each in rendered.kind("Service")}
    for name, backend in policy_of(rendered).backends.items():
        if backend.kubernetes:
            ports = services[backend.kubernetes.service]
            assert backend.kubernetes.port in [port["name"] for port in ports], name
            assert backend.kubernetes.namespace is None
        elif "." not in backend.url[0]:
            host, _, rest = backend.url[0].removeprefix("http://").partition(":")
            assert rest.partition("/")[0] in [str(port["port"]) for port in services[host]], name


def test_lower_priorities_are_asked_first():
    """The order is that of `priority`, not of the names; the answerer that needs no server is the last."""
    assert names_in(render(ALL["two model groups, HPA"])) == ["qwen", "llama", "extractive"]
    assert names_in(render(ALL["a hosted model"])) == ["hosted", "extractive"]
    assert names_in(render({**GROUP, "llm": {"extractive": False}})) == ["qwen"]


@pytest.mark.parametrize("discovery", ["kubernetes", "service"])
def test_groups_of_embeddings_have_an_alias_of_their_own(discovery: str):
    """No question goes there, whatever their priority; the router is told what they serve, and may ask them."""
    values = {**ALL["a group of embeddings"], "llm": {"discovery": discovery}}
    policy = policy_of(render(values))
    assert names_in(render(values)) == ["qwen", "extractive"]
    assert [(step.backend, step.model) for step in policy.aliases["embeddings"]] == [
        ("embed", "Qwen/Qwen3-Embedding-0.6B"),
        ("spare-embed", "small"),
    ]
    assert {name: backend.serves for name, backend in policy.backends.items()} == {
        "embed": "embeddings",
        "qwen": "chat",
        "spare-embed": "embeddings",
    }
    mine = {**values, "llm": {"aliases": {"embeddings": [{"backend": "spare-embed"}], "more": [{"backend": "embed"}]}}}
    assert [step.backend for step in policy_of(render(mine)).aliases["embeddings"]] == ["spare-embed"]


def test_aliases_of_ones_own_are_added_and_may_replace_the_default():
    """An alias goes into the routes with its deadlines; `default` takes the place of the one that the chart makes."""
    policy = policy_of(render(ALL["aliases of one's own"]))
    assert policy.aliases["fast"][0] == RoutePolicy(backend="llama", first_token_s=2.5, chunk_s=2)
    assert [step.backend for step in policy.aliases["default"]] == ["qwen", "llama"]


def test_a_list_of_ones_own_takes_the_place_of_the_routes():
    """With llm.backends there is no file, no volume for it, and nothing to discover."""
    rendered = render({**GROUP, "llm": {"backends": "fake"}})
    assert policy_of(rendered) is None
    assert [each for kind in (*KINDS, "ConfigMap") for each in rendered.component(kind, "llm")] == []


def test_whoever_discovers_may_read_endpoint_slices_and_nothing_else(rendered: Rendered):
    """One Role for llm's account, in its namespace: get, list and watch of one resource; none where none is needed."""
    objects = [each for kind in KINDS for each in rendered.kind(kind)]
    if not discovered(rendered):
        assert objects == []
        return
    role, binding = objects
    assert {role["kind"], binding["kind"]} == {"Role", "RoleBinding"}
    (wanted,) = {
        backend.kubernetes.target().resource for backend in policy_of(rendered).backends.values() if backend.kubernetes
    }
    rule = {"apiGroups": ["discovery.k8s.io"], "resources": [wanted], "verbs": ["get", "list", "watch"]}
    assert role["rules"] == [rule]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    account = llm_of(rendered).spec["serviceAccountName"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    assert account not in {pod.spec["serviceAccountName"] for pod in rendered.pods if pod.component != "llm"}


def test_the_token_is_there_for_whoever_discovers(rendered: Rendered):
    """llm alone has a token, one that is renewed every hour, with the CA and the namespace, where the client looks."""
    pod = llm_of(rendered)
    mounted = [mount for mount in pod.main["volumeMounts"] if mount["mountPath"] == str(MOUNT)]
    assert len(mounted) == bool(discovered(rendered))
    for mount in mounted:
        assert mount["readOnly"] is True
        token, ca, namespace = pod.volumes[mount["name"]]["projected"]["sources"]
        assert token == {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
        assert ca["configMap"] == {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
        assert namespace["downwardAPI"]["items"][0]["path"] == "namespace"
        assert namespace["downwardAPI"]["items"][0]["fieldRef"] == {"fieldPath": "metadata.namespace"}


def test_groups_are_discovered_unless_their_services_are_asked():
    """Discovery is what a group gets by default; `service` leaves the choice of the pod to the Service."""
    assert discovered(render(GROUP)) == ["viva-vllm-qwen"]
    assert discovered(render(BY_SERVICE)) == []
    assert policy_of(render(BY_SERVICE)).backends["qwen"].url == ("http://viva-vllm-qwen:8000/v1",)


def test_an_account_of_ones_own_is_bound():
    """The rights go to the account that the pod has, under whatever name, and the account is not made here."""
    rendered = render({**GROUP, "llm": {"serviceAccount": {"create": False, "name": "router"}}})
    (binding,) = rendered.kind("RoleBinding")
    assert binding["subjects"][0]["name"] == llm_of(rendered).spec["serviceAccountName"] == "router"
    assert rendered.component("ServiceAccount", "llm") == []


def test_the_way_to_the_api_server_can_be_narrowed():
    """With the addresses of the API server known, nothing else is open for it."""
    values = {**GROUP, "networkPolicy": {"apiServer": {"cidrs": ["10.0.0.1/32"], "except": [], "ports": [6443]}}}
    (policy,) = render(values).component("NetworkPolicy", "llm")
    rules = [rule for rule in policy["spec"]["egress"] if "ipBlock" in str(rule)]
    assert rules == [{"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"protocol": "TCP", "port": 6443}]}]


@pytest.mark.parametrize("release", ["viva", "lectures-of-history"])
def test_names_follow_the_release(release: str):
    """Role, binding and Services go by the name of the release."""
    rendered = render(GROUP, release=release)
    (service,) = discovered(rendered)
    (role,) = rendered.kind("Role")
    found = rendered.find("Service", service)
    assert found["metadata"]["labels"][COMPONENT] == "vllm"
    assert role["metadata"]["name"] == llm_of(rendered).owner["metadata"]["name"]
