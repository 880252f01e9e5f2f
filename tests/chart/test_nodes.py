"""The pods of k8s/values-gpu.yaml on the nodes that k8s/ makes: placed where they belong, and nowhere else."""

from dataclasses import dataclass

import helm_python
import pytest
import yaml

from .chart import ROOT, render
from .manifests import Rendered
from .pods import GPU, Pod

GIB = 2**30
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": GIB, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
# Cores, GiB of memory, GPUs: the instances of k8s/.
INSTANCES = {"m7i.xlarge": (4, 16, 0), "g6.2xlarge": (8, 32, 1), "g5.2xlarge": (8, 32, 1)}
LOCAL_DISKS_GIB = {"g6.2xlarge": 419, "g5.2xlarge": 419}  # 450 GB each
KEPT_CORES, KEPT_MEMORY = 0.5, 0.12  # what the system, the kubelet and daemon sets keep for themselves, generously
# etcd, API server, controllers, scheduler, two of CoreDNS, the network.
KINDS_OWN_CORES = 0.95
SYSTEM_DISK_GIB = 60  # the system, and the images: vLLM's alone takes some 30 GiB unpacked


@dataclass(frozen=True)
class Node:
    """A kind of node that k8s/ can make."""

    name: str
    instance: str
    labels: dict[str, str]
    taints: list[dict]
    disk_gib: int

    def __str__(self) -> str:
        return self.name

    def takes(self, pod: Pod) -> bool:
        """Whether the scheduler could place a pod here: labels, taints and requests."""
        return self._is_wanted(pod) and self._is_tolerated(pod) and self._has_room(pod)

    def _is_wanted(self, pod: Pod) -> bool:
        if not (pod.spec.get("nodeSelector") or {}).items() <= self.labels.items():
            return False
        affinity = (pod.spec.get("affinity") or {}).get("nodeAffinity") or {}
        required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
        if required is None:
            return True
        return any(
            all(self._meets(expression) for expression in term.get("matchExpressions") or [])
            for term in required["nodeSelectorTerms"]
        )

    def _meets(self, expression: dict) -> bool:
        value, operator = self.labels.get(expression["key"]), expression["operator"]
        return {
            "In": value in expression.get("values", ()),
            "NotIn": value not in expression.get("values", ()),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[operator]

    def _is_tolerated(self, pod: Pod) -> bool:
        tolerations = pod.spec.get("tolerations") or []
        return all(any(tolerates(toleration, taint) for toleration in tolerations) for taint in self.taints)

    def _has_room(self, pod: Pod) -> bool:
        cores, memory, gpus = INSTANCES[self.instance]
        return (
            requested(pod, "cpu") <= cores - KEPT_CORES
            and requested(pod, "memory") <= memory * GIB * (1 - KEPT_MEMORY)
            and requested(pod, GPU) <= gpus
        )


def tolerates(toleration: dict, taint: dict) -> bool:
    return (
        toleration.get("key") in (None, taint["key"])
        and toleration.get("effect") in (None, taint["effect"])
        and (toleration.get("operator") == "Exists" or toleration.get("value") == taint["value"])
    )


def quantity(text: object) -> float:
    """A quantity of Kubernetes as a number."""
    written = str(text)
    unit = next((unit for unit in UNITS if written.endswith(unit)), "")
    return float(written.removesuffix(unit)) * UNITS.get(unit, 1)


def requested(pod: Pod, resource: str) -> float:
    """What the pod's containers ask for together."""
    total = 0.0
    for container in pod.containers:
        resources = container.get("resources") or {}
        asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        total += quantity(asked.get(resource, 0))
    return total


def disk_gib(pod: Pod) -> float:
    """The most that the pod's folders may take on the node's disk; those in memory count elsewhere."""
    folders = [volume["emptyDir"] for volume in pod.volumes.values() if "emptyDir" in volume]
    return sum(quantity(folder["sizeLimit"]) for folder in folders if folder.get("medium") != "Memory") / GIB


def node_groups() -> list[Node]:
    (config,) = yaml.safe_load_all((ROOT / "k8s" / "eks-cluster.yaml").read_text())
    return [
        Node(group["name"], group["instanceType"], group["labels"], group.get("taints", []), group["volumeSize"])
        for group in config["managedNodeGroups"]
    ]


def karpenter_nodes() -> list[Node]:
    found = yaml.safe_load_all((ROOT / "k8s" / "karpenter.yaml").read_text())
    pools = {each["metadata"]["name"]: each["spec"]["template"] for each in found if each["kind"] == "NodePool"}
    gpu = pools["viva-gpu"]
    needs = {entry["key"].rpartition("/")[2]: entry["values"] for entry in gpu["spec"]["requirements"]}
    instances = [f"{family}.{size}" for family in needs["instance-family"] for size in needs["instance-size"]]
    return [
        Node(f"karpenter {name}", name, gpu["metadata"]["labels"], gpu["spec"]["taints"], LOCAL_DISKS_GIB[name])
        for name in instances
    ]


NODES = node_groups() + karpenter_nodes()
GPU_NODES = [node for node in NODES if INSTANCES[node.instance][2]]
CPU_NODES = [node for node in NODES if node not in GPU_NODES]


@pytest.fixture(scope="module")
def release() -> Rendered:
    """Viva with both models, on EKS."""
    values = helm_python.values_from_yaml((ROOT / "k8s" / "values-gpu.yaml").read_text())
    values["vllm"]["groups"]["llama"]["enabled"] = True
    return render({**values, "models": {"existingSecret": "viva-hub"}, "checkApis": False})


@pytest.fixture(scope="module")
def models(release: Rendered) -> list[Pod]:
    return [pod for pod in release.pods if pod.component == "vllm"]


@pytest.mark.parametrize("node", GPU_NODES, ids=str)
def test_every_model_finds_a_place_on_every_gpu_node(models: list[Pod], node: Node):
    """By the label, through the taint, and with the memory that its model takes while it is loaded."""
    assert len(models) == 2
    assert [str(pod) for pod in models if not node.takes(pod)] == []


@pytest.mark.parametrize("node", GPU_NODES, ids=str)
def test_a_models_folders_fit_on_the_disk(models: list[Pod], node: Node):
    """The model, compiled kernels and the image; a full disk would throw the pod off the node."""
    for pod in models:
        assert disk_gib(pod) + SYSTEM_DISK_GIB <= node.disk_gib, str(pod)


@pytest.mark.parametrize("node", CPU_NODES, ids=str)
def test_no_model_is_placed_on_a_cpu_node(models: list[Pod], node: Node):
    """It would wait there for a GPU for ever."""
    assert [str(pod) for pod in models if node.takes(pod)] == []


def test_everything_else_runs_on_cpu_nodes_and_there_alone(release: Rendered, models: list[Pod]):
    """GPU nodes come and go with the models; nothing that they would take along is on them."""
    others = [pod for pod in release.pods if pod not in models]
    assert len(others) >= 6
    assert [str(pod) for pod in others if not all(node.takes(pod) for node in CPU_NODES)] == []
    assert [str(pod) for pod in others if any(node.takes(pod) for node in GPU_NODES)] == []


def test_what_is_not_a_model_keeps_off_a_gpu_node_without_the_taint_too(release: Rendered, models: list[Pod]):
    """Where somebody else made the nodes, and only labelled them."""
    node = Node("x", GPU_NODES[0].instance, GPU_NODES[0].labels, [], GPU_NODES[0].disk_gib)
    assert [str(pod) for pod in release.pods if pod not in models and node.takes(pod)] == []


def test_a_node_that_is_not_marked_is_not_taken(models: list[Pod]):
    """A test of these tests: without the label, or with a taint more, no model is placed."""
    node = GPU_NODES[0]
    unmarked = Node("x", node.instance, {}, node.taints, node.disk_gib)
    taint = {"key": "another", "value": "taint", "effect": "NoSchedule"}
    tainted = Node("x", node.instance, node.labels, [*node.taints, taint], node.disk_gib)
    smaller = Node("x", "m7i.xlarge", node.labels, node.taints, node.disk_gib)
    for pod in models:
        assert not unmarked.takes(pod)
        assert not tainted.takes(pod)
        assert not smaller.takes(pod)


def test_kind_holds_everything_on_a_machine_of_two_cores():
    """Also while an update has two of each Deployment that is rolled, and the test that follows is waited for."""
    release = render(helm_python.values_from_yaml((ROOT / "k8s" / "values-kind.yaml").read_text()))
    rolled = [pod for pod in release.pods if pod.owner["spec"].get("strategy", {}).get("type") == "RollingUpdate"]
    assert len(rolled) == 3
    wanted = sum(requested(pod, "cpu") for pod in (*release.pods, *rolled))
    assert wanted <= 2 - KINDS_OWN_CORES


def test_two_nodes_hold_a_full_installation():
    """What k8s/values-eks.yaml asks for at least, on the node group `cpu` as it begins."""
    release = render(helm_python.values_from_yaml((ROOT / "k8s" / "values-eks.yaml").read_text()))
    (group,) = CPU_NODES
    cores, memory, _ = INSTANCES[group.instance]
    scalers = release.kind("HorizontalPodAutoscaler")
    minimum = {scaler["metadata"]["name"]: scaler["spec"]["minReplicas"] for scaler in scalers}
    workloads = [pod for pod in release.pods if pod.owner["kind"] in ("Deployment", "StatefulSet")]
    assert set(minimum) == {pod.owner["metadata"]["name"] for pod in workloads}
    for resource, available in (("cpu", 2 * (cores - KEPT_CORES)), ("memory", 2 * memory * GIB * (1 - KEPT_MEMORY))):
        wanted = sum(requested(pod, resource) * minimum[pod.owner["metadata"]["name"]] for pod in workloads)
        # Room for one more of each, while an update replaces them one by one.
        assert wanted * 1.5 <= available, resource
