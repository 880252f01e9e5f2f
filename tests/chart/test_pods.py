"""What holds for every pod of every combination: Pod Security, tokens, probes, time to end, resources, places."""

import re

import pytest

from .chart import NAMESPACE, RELEASE, render
from .combinations import ALL
from .manifests import Rendered
from .pod_security import violations
from .pods import GPU, Pod

WRITABLE_ROOT: dict[str, str] = {}
"""Components whose root file system can be written, each with the reason."""

NOT_RESTRICTED: dict[str, str] = {}
"""Components whose pods Pod Security `restricted` refuses, each with the reason."""

WITH_TOKEN = {"llm": "watches the pods of the model groups (test_discovery.py)"}
"""Components that talk to the Kubernetes API, each with what for."""

NODE_FOLDERS = {"/", "/dev", "/etc", "/proc", "/sys", "/usr", "/var"}


def test_pod_security_restricted(rendered: Rendered):
    """Every pod, hooks and jobs included, could run in a namespace that enforces `restricted`."""
    offending = {str(pod): found for pod in rendered.pods if (found := violations(pod.spec))}
    assert {name: found for name, found in offending.items() if name not in NOT_RESTRICTED} == {}


def test_root_file_systems_are_read_only(rendered: Rendered):
    """What a container writes goes to volumes; the exceptions are listed above."""
    for pod in rendered.pods:
        for container in pod.all_containers:
            if pod.component not in WRITABLE_ROOT:
                assert container["securityContext"]["readOnlyRootFilesystem"] is True, (str(pod), container["name"])


def test_pods_run_as_a_user_by_number(combination: str, rendered: Rendered):
    """`runAsNonRoot` needs a number to look at; OpenShift gives one of its own."""
    for pod in rendered.pods:
        user = pod.spec["securityContext"].get("runAsUser")
        if "OpenShift" in combination:
            assert user is None
        else:
            assert user is not None
            assert user >= 1000 or pod.component == "redis"


def test_no_token_is_mounted(rendered: Rendered):
    """Neither by a pod nor by an account; a container of a component that is listed may have it as a volume."""
    for each in [pod.spec for pod in rendered.pods] + rendered.kind("ServiceAccount"):
        assert each["automountServiceAccountToken"] is False
    for pod in rendered.pods:
        tokens = {name for name, volume in pod.volumes.items() if "serviceAccountToken" in str(volume)}
        holders = [
            container["name"]
            for container in pod.all_containers
            if tokens & {mount["name"] for mount in container.get("volumeMounts") or []}
        ]
        assert holders in ([], [pod.component] if pod.component in WITH_TOKEN else []), str(pod)


def test_service_links_are_off(rendered: Rendered):
    """A Service called `…-vllm` would put VLLM_PORT into every pod, which vLLM reads."""
    assert [str(pod) for pod in rendered.pods if pod.spec.get("enableServiceLinks") is not False] == []


def test_folders_in_memory_and_on_the_node_have_limits(rendered: Rendered):
    """Each emptyDir has a size limit: what fills it is evicted, not its node."""
    for pod in rendered.pods:
        for volume in pod.volumes.values():
            assert "emptyDir" not in volume or volume["emptyDir"].get("sizeLimit"), (str(pod), volume["name"])


def test_every_container_has_requests_and_limits(rendered: Rendered):
    """CPU and memory are asked for, and memory is limited; requests are not above limits."""
    for pod in rendered.pods:
        for container in pod.all_containers:
            resources = container["resources"]
            assert {"cpu", "memory"} <= set(resources["requests"]), (str(pod), container["name"])
            assert "memory" in resources["limits"], (str(pod), container["name"])
            for name, limit in resources["limits"].items():
                assert amount(resources["requests"].get(name, limit)) <= amount(limit), (str(pod), name)


def amount(quantity: object) -> float:
    """A Kubernetes quantity as a number."""
    text = str(quantity)
    units = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    unit = next((unit for unit in sorted(units, key=len, reverse=True) if text.endswith(unit)), "")
    return float(text.removesuffix(unit)) * units.get(unit, 1)


def test_what_fits_into_a_pod_fits_its_ephemeral_storage(rendered: Rendered):
    """The emptyDirs of a pod that are not in memory together stay below its limit of ephemeral storage."""
    for pod in rendered.pods:
        limits = [each["resources"]["limits"].get("ephemeral-storage") for each in pod.spec["containers"]]
        if any(limit is None for limit in limits):
            continue
        folders = [
            v["emptyDir"] for v in pod.volumes.values() if "emptyDir" in v and v["emptyDir"].get("medium") != "Memory"
        ]
        models = pod.volumes.get("models", {}).get("emptyDir")
        needed = sum(amount(folder["sizeLimit"]) for folder in folders if folder is not models)
        assert needed <= sum(map(amount, limits)), str(pod)


def test_every_service_is_probed(rendered: Rendered):
    """Start, life and readiness. What restarts a pod looks at its process alone, and gives up later."""
    for pod in rendered.pods:
        if not pod.is_service:
            continue
        probes = {name: pod.main[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
        assert probes["startup"]["failureThreshold"] * probes["startup"].get("periodSeconds", 10) >= 60, str(pod)
        assert patience(probes["liveness"]) > patience(probes["readiness"]), str(pod)
        if pod.component in ("orchestrator", "asr", "llm", "tts"):
            # llm is not ready before a model server is, which loads for longer than any start may take.
            assert probes["startup"]["httpGet"]["path"] == probes["liveness"]["httpGet"]["path"] == "/healthz"
            assert probes["readiness"]["httpGet"]["path"] == "/readyz"


def patience(probe: dict) -> float:
    """Seconds of failing until it counts."""
    return probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)


def test_ports_of_probes_are_ports_of_the_container(rendered: Rendered):
    """By name, so that they follow a changed number."""
    for pod in rendered.pods:
        for container in pod.containers:
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                if http := container.get(name, {}).get("httpGet"):
                    assert http["port"] in pod.port_numbers, (str(pod), name)


def test_time_to_end_is_more_than_the_hook_and_the_drain(rendered: Rendered):
    """SIGKILL comes after preStop and the time that running requests get, with some to spare."""
    for pod in rendered.pods:
        if not pod.is_service or pod.component == "redis":
            continue
        waits = seconds_of_hook(pod.main["lifecycle"]["preStop"])
        grace = pod.spec["terminationGracePeriodSeconds"]
        assert grace > waits + drain_of(pod), str(pod)
        assert waits > 0, f"{pod}: endpoints are told slower than a pod ends"


def seconds_of_hook(hook: dict) -> float:
    """How long a preStop hook takes: Kubernetes' own sleep, or a command that sleeps."""
    if "sleep" in hook:
        return float(hook["sleep"]["seconds"])
    return float(re.search(r"sleep[^0-9]*([0-9.]+)", " ".join(hook["exec"]["command"]))[1])


def drain_of(pod: Pod) -> float:
    """Seconds that the process waits for running requests after SIGTERM."""
    if pod.component == "vllm":
        words = " ".join([*(pod.main.get("command") or []), *(pod.main.get("args") or [])])
        return float(words.partition("--shutdown-timeout")[2].strip(" =").split()[0])
    return float(next(each["value"] for each in pod.main["env"] if each["name"] == "VIVA_DRAIN_S"))


def test_the_turn_ends_within_the_drain():
    """The orchestrator waits as long as a turn may take; the stages as long as the orchestrator waits for them."""
    pods = {pod.component: pod for pod in render().pods if pod.is_service}
    assert drain_of(pods["orchestrator"]) >= 60  # VIVA_TURN_DEADLINE_S
    assert drain_of(pods["tts"]) >= 15  # VIVA_TTS_TIMEOUT_S
    assert drain_of(pods["asr"]) >= 30  # VIVA_ASR_TIMEOUT_S
    assert drain_of(pods["llm"]) >= 20  # VIVA_FIRST_TOKEN_S


def test_only_gpu_pods_go_to_gpu_nodes(combination: str, rendered: Rendered):
    """CPU pods keep off them and tolerate no GPU taint; GPU pods tolerate it and need the label."""
    for pod in rendered.pods:
        tolerated = [each for each in pod.spec.get("tolerations") or [] if each.get("key") == GPU]
        nodes = pod.spec.get("affinity", {}).get("nodeAffinity", {})
        if pod.wants_gpu:
            assert tolerated == [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}], str(pod)
            assert "requiredDuringSchedulingIgnoredDuringExecution" in nodes, str(pod)
        elif pod.is_service:
            assert tolerated == [], str(pod)
            assert "nvidia.com/gpu.present" in str(nodes) or ALL[combination].get("cpuNodes") == "none", str(pod)


def test_shared_memory_is_a_folder_in_memory_with_a_limit():
    """vLLM's processes share tensors through /dev/shm, of which a container has 64 MB unless told otherwise."""
    (pod,) = [pod for pod in render(ALL["one model group"]).pods if pod.component == "vllm"]
    (mount,) = [each for each in pod.main["volumeMounts"] if each["mountPath"] == "/dev/shm"]
    assert pod.volumes[mount["name"]]["emptyDir"]["medium"] == "Memory"
    assert pod.volumes[mount["name"]]["emptyDir"]["sizeLimit"]


@pytest.mark.parametrize("stage", ["orchestrator", "asr", "llm", "tts"])
def test_pods_of_a_service_are_spread(stage: str):
    """Over zones and over nodes, each version of the template by itself."""
    (pod,) = [pod for pod in render().pods if pod.component == stage and pod.is_service]
    spread = {each["topologyKey"]: each for each in pod.spec["topologySpreadConstraints"]}
    assert set(spread) == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    for constraint in spread.values():
        assert constraint["labelSelector"]["matchLabels"].items() <= pod.labels.items()
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]


def test_no_node_folder_is_hidden_by_a_mount(rendered: Rendered):
    """A volume over a folder of the image's own system would hide it."""
    for pod in rendered.pods:
        for container in pod.all_containers:
            mounts = {each["mountPath"].rstrip("/") or "/" for each in container.get("volumeMounts") or []}
            assert not mounts & NODE_FOLDERS, (str(pod), mounts)


def test_another_release_beside_it_shares_no_name():
    """Two releases in one namespace, one of them named without `viva`."""
    first = {(each["kind"], each["metadata"]["name"]) for each in render(release=RELEASE).objects}
    second = {
        (each["kind"], each["metadata"]["name"]) for each in render(release="second", namespace=NAMESPACE).objects
    }
    assert not first & second
    assert {name for _, name in second if not name.startswith("second-viva-")} == set()


def test_the_helm_test_ends_before_helm_gives_up():
    """With a sentence that says how far it came: `helm test` waits for five minutes and then says nothing of it."""
    (hook,) = [pod for pod in render().pods if pod.component == "test"]
    assert float(hook.main["command"][-1]) < hook.spec["activeDeadlineSeconds"] <= 300
