"""NetworkPolicies as a graph: which ways are open, held against tables of which should be."""

import re
from itertools import permutations

import pytest

from .chart import render
from .cluster import OTHERS, PORTS, Way, endpoints, open_ways
from .combinations import ALL
from .manifests import Rendered
from .network import Network
from .pods import Pod

# Addresses that a pod gives to another, which calls them.
FOR_OTHERS = {"VIVA_CONTEXT_AUDIO_URL", "VIVA_LLM_AUDIO_URL_PREFIXES"}
SERVICES = {"orchestrator": 8080, "asr": 8081, "llm": 8082, "tts": 8083}

# What every install needs and nothing else: the turn's own ways, names, Prometheus, `helm test`.
PLAIN: set[Way] = {
    ("orchestrator", "asr", 8081),
    ("orchestrator", "llm", 8082),
    ("orchestrator", "tts", 8083),
    ("orchestrator", "redis", 6379),
    ("orchestrator", "dns", 53),
    ("test", "orchestrator", 8080),
    ("test", "dns", 53),
    *(("prometheus", service, port) for service, port in SERVICES.items()),
}
BY_SERVICE: set[Way] = {("llm", "vllm", 8000), ("llm", "dns", 53), ("prometheus", "vllm", 8000)}


def outside(who: str, port: int, *, but: tuple[str, ...] = ("node credentials",)) -> set[Way]:
    """The way out to every address but some, and to the names that lead there."""
    anywhere = [*(each.name for each in OTHERS), "a pod of another release"]
    return {(who, target, port) for target in anywhere if target not in but} | {(who, "dns", 53)}


# The pods of a group are watched, through an API server at an address that nobody knows beforehand.
MODEL_GROUP = BY_SERVICE | outside("llm", 443) | outside("llm", 6443)

WANTED: dict[str, set[Way]] = {
    "defaults": PLAIN,
    "one model group": PLAIN | MODEL_GROUP | outside("vllm", 443),
    "model groups by their Services": PLAIN | BY_SERVICE | outside("vllm", 443),
    "models on a shared volume, by a job": PLAIN | MODEL_GROUP | outside("models", 443),
    "speech models in emptyDirs": PLAIN | outside("asr", 443) | outside("tts", 443),
    # llama reads; only qwen, which hears, calls the orchestrator: tests below tell the two groups apart.
    "recordings from the orchestrator": PLAIN | BY_SERVICE | outside("vllm", 443) | {("vllm", "orchestrator", 8080)},
    "recordings from the bucket": PLAIN
    | BY_SERVICE
    | outside("vllm", 443)
    | outside("models", 443)
    | outside("orchestrator", 443),
    "recordings from a bucket of one's own": PLAIN
    | BY_SERVICE
    | outside("vllm", 443)
    | outside("vllm", 9000)
    | outside("orchestrator", 9000)
    | {("orchestrator", "pod identity", 80)},
    "a model streamed from S3": PLAIN | MODEL_GROUP | outside("vllm", 443),
    "redis by URL": {way for way in PLAIN if "redis" not in way} | outside("orchestrator", 6380, but=()),
    "redis by secret": {way for way in PLAIN if "redis" not in way} | outside("orchestrator", 6380, but=()),
    "objects in S3, several replicas": PLAIN | outside("orchestrator", 443),
    "objects in an S3 of one's own": PLAIN | outside("orchestrator", 9000) | {("orchestrator", "pod identity", 80)},
    "traces": PLAIN | {(who, target, port) for who in SERVICES for target, port in (("prometheus", 4318), ("dns", 53))},
    "traces to somebody else's collector": PLAIN
    | {(who, target, port) for who in SERVICES for target, port in (("world", 443), ("dns", 53))},
    "another ingress": PLAIN | {("edge", "orchestrator", 8080)},
    "Gateway API": PLAIN | {("edge", "orchestrator", 8080)},
    "nothing watched, no test": {way for way in PLAIN if way[0] != "test"},
}


@pytest.mark.parametrize("combination", WANTED)
def test_exactly_the_wanted_ways_are_open(combination: str):
    """For each pair of components, and the world around them, on each port: open if and only if it is in the table."""
    found = open_ways(render(ALL[combination]))
    assert {"open": found - WANTED[combination], "closed": WANTED[combination] - found} == {
        "open": set(),
        "closed": set(),
    }


def test_names_are_looked_up_over_udp_too():
    """The same pods, the same server; no other way is open over UDP."""
    wanted = {way for way in PLAIN if way[1] == "dns"}
    assert open_ways(render(), "UDP") == wanted


def test_every_pod_is_held_by_a_policy_both_ways(combination: str, rendered):
    """No combination leaves a pod, hooks and jobs included, that nothing denies anything."""
    if not ALL[combination].get("networkPolicy", {}).get("enabled", True):
        assert rendered.kind("NetworkPolicy") == []
        return
    network = Network(rendered.kind("NetworkPolicy"))
    everyone = endpoints(rendered)
    neighbour = next(each for each in everyone if each.name == "neighbour")
    strange = 12345
    for pod in everyone[: len(rendered.pods)]:
        assert not network.lets_in(neighbour, pod, strange), pod.name
        assert not network.lets_out(pod, neighbour, strange), pod.name


def test_what_one_end_opens_the_other_opens_too(rendered: Rendered):
    """A rule at one end alone opens nothing now, and too much once the other end changes."""
    network = Network(rendered.kind("NetworkPolicy"))
    pods = endpoints(rendered)[: len(rendered.pods)]
    half_open = {
        (source.name, target.name, port)
        for source, target in permutations(pods, 2)
        for port in target.ports.values()
        if network.lets_out(source, target, port) is not network.lets_in(source, target, port)
    }
    assert half_open == set()


def test_model_servers_and_redis_have_one_caller_each(combination: str, rendered):
    """vLLM is reached by llm, Redis by the orchestrator, and both by nobody else but Prometheus."""
    if not rendered.kind("NetworkPolicy"):
        return
    callers = {target: {way[0] for way in open_ways(rendered) if way[1] == target} for target in ("vllm", "redis")}
    assert callers["vllm"] <= {"llm", "prometheus"}, combination
    assert callers["redis"] <= {"orchestrator"}, combination


def test_what_a_pod_is_told_to_call_it_may_call(rendered):
    """Each address of the release in a pod's environment or command is open to that pod."""
    if not rendered.kind("NetworkPolicy"):
        return
    ways = open_ways(rendered)
    services = {each["metadata"]["name"]: each for each in rendered.kind("Service")}
    called = {(pod.component, host, port) for pod in rendered.pods for host, port in addresses(pod) if host in services}
    assert {who for who, _, _ in called} >= {"orchestrator"}
    for who, host, port in called:
        component = services[host]["metadata"]["labels"]["app.kubernetes.io/component"]
        assert (who, component, port) in ways, (who, host, port)


def test_only_groups_that_hear_fetch_recordings():
    """The orchestrator lets in the group whose model hears, and no other; nobody, where recordings are not fetched."""
    rendered = render(ALL["recordings from the orchestrator"])
    network = Network(rendered.kind("NetworkPolicy"))
    everyone = endpoints(rendered)
    (orchestrator,) = [each for each in everyone if each.name == "orchestrator"]
    may = {
        each.labels["viva.dev/model-group"]: (
            network.lets_out(each, orchestrator, 8080),
            network.lets_in(each, orchestrator, 8080),
        )
        for each in everyone
        if "viva.dev/model-group" in each.labels and each.name != "a pod of another release"
    }
    assert may == {"qwen": (True, True), "llama": (False, False)}
    assert not {way for way in open_ways(render(ALL["one model group"])) if way[:2] == ("vllm", "orchestrator")}


def addresses(pod: Pod) -> set[tuple[str, int]]:
    """Hosts and ports in the URLs that a pod is given."""
    texts = []
    for container in pod.all_containers:
        texts += [str(each.get("value", "")) for each in container.get("env") or [] if each["name"] not in FOR_OTHERS]
        texts += [*(container.get("command") or []), *(container.get("args") or [])]
    found = re.findall(r"\b(?:https?|redis)://(?:[^@/\s]*@)?([a-z0-9.-]+):(\d+)", " ".join(texts))
    return {(host, int(port)) for host, port in found}


def test_a_way_in_of_ones_own_is_added():
    """Further rules of a service are put beside the chart's own."""
    rule = {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tenant"}}}]}
    values = {"asr": {"networkPolicy": {"ingress": [rule | {"ports": [{"port": 8081}]}]}}}
    assert open_ways(render(values)) == PLAIN | {("tenant", "asr", 8081)}


def test_the_table_looks_at_every_port_there_is(rendered):
    """A container's port that the tables do not ask about would go unseen."""
    assert {port for pod in rendered.pods for port in pod.port_numbers.values()} <= set(PORTS)
