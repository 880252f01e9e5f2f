"""Replicas, autoscalers, updates and budgets: one thing decides how many pods there are, and nothing blocks a drain."""

import re
from itertools import product

import pytest

from .chart import render
from .combinations import ALL, NO_CLUSTER, S3, STAGES, every_stage
from .manifests import Rendered, name_of
from .selectors import matches

KEDA = {**NO_CLUSTER, "objectStore": S3, "autoscaling": {"mode": "keda"}}
HPA = {"objectStore": S3}


def scalers(rendered: Rendered) -> dict[tuple[str, str], list[str]]:
    """By the workload that is scaled: the kinds of what scales it."""
    found: dict[tuple[str, str], list[str]] = {}
    for manifest in rendered.kind("HorizontalPodAutoscaler") + rendered.kind("ScaledObject"):
        target = manifest["spec"]["scaleTargetRef"]
        found.setdefault((target["kind"], target["name"]), []).append(manifest["kind"])
    return found


def test_one_autoscaler_at_most_and_no_replicas_beside_it(rendered: Rendered):
    """HPA or KEDA, never both; `replicas` is left out where either decides, and there where neither does."""
    scaled = scalers(rendered)
    assert len({kind for kinds in scaled.values() for kind in kinds}) <= 1
    for manifest in rendered.kind("Deployment") + rendered.kind("StatefulSet"):
        kinds = scaled.get((manifest["kind"], manifest["metadata"]["name"]), [])
        assert len(kinds) <= 1, name_of(manifest)
        assert ("replicas" in manifest["spec"]) is not bool(kinds), name_of(manifest)


@pytest.mark.parametrize(("values", "kind"), [(HPA, "HorizontalPodAutoscaler"), (KEDA, "ScaledObject")])
def test_all_four_services_are_scaled(values: dict, kind: str):
    """With a shared object store, the orchestrator as well."""
    assert scalers(render(values)) == {("Deployment", f"viva-{stage}"): [kind] for stage in STAGES}


def test_the_plain_install_scales_on_cpu_what_can_be_scaled():
    """Not the orchestrator, whose recordings lie on a volume of one node."""
    rendered = render()
    assert set(scalers(rendered)) == {("Deployment", f"viva-{stage}") for stage in ("asr", "llm", "tts")}
    for manifest in rendered.kind("HorizontalPodAutoscaler"):
        assert [metric["type"] for metric in manifest["spec"]["metrics"]] == ["Resource"]


def test_the_load_that_is_scaled_on():
    """Active turns, queued audio, answers and speeches under way, and vLLM's waiting requests."""
    wanted = {
        "viva-orchestrator": "viva_active_turns",
        "viva-asr": "viva_asr_queued_audio_seconds",
        "viva-llm": "viva_llm_active",
        "viva-tts": "viva_tts_active",
        "viva-vllm-qwen": "vllm:num_requests_waiting",
    }
    group = {"vllm": {"groups": {"qwen": {"profile": "qwen2.5-omni-3b", "autoscaling": {"enabled": True}}}}}
    for manifest in render({**KEDA, **group}).kind("ScaledObject"):
        queries = [each["metadata"]["query"] for each in manifest["spec"]["triggers"] if each["type"] == "prometheus"]
        assert any(wanted[manifest["metadata"]["name"]] in query for query in queries), name_of(manifest)
        assert all('namespace="lectures"' in query for query in queries)
    hpa = {**NO_CLUSTER, **HPA, **group, **every_stage(autoscaling={"load": {"enabled": True}})}
    for manifest in render(hpa).kind("HorizontalPodAutoscaler"):
        names = [each["pods"]["metric"]["name"] for each in manifest["spec"]["metrics"] if each["type"] == "Pods"]
        assert names == [wanted[manifest["metadata"]["name"]].replace(":", "_")]


def pod_of(kind: str, group: str, *, cut: bool) -> str:
    """What Kubernetes calls a pod of a group; `cut` where the name would be too long with all of the hash."""
    number = "0" if kind == "StatefulSet" else "6d4cf56dx7k2q" if cut else "6d4cf56db6-x7k2q"
    return f"viva-vllm-{group}-{number}"


@pytest.mark.parametrize(("kind", "other"), list(product(["Deployment", "StatefulSet"], repeat=2)))
def test_keda_counts_the_groups_own_pods(kind: str, other: str):
    """And not those of a group whose name begins alike, which waits at another server."""
    scaled = {"profile": "qwen2.5-omni-3b", "autoscaling": {"enabled": True}}
    groups = {"qwen": {**scaled, "kind": kind}, "qwen-long": {**scaled, "kind": other}}
    found = render({**KEDA, "vllm": {"groups": groups}}).find("ScaledObject", "viva-vllm-qwen")
    pattern = re.search(r'pod=~"([^"]+)"', found["spec"]["triggers"][0]["metadata"]["query"])[1]
    for cut in (False, True):
        assert re.fullmatch(pattern, pod_of(kind, "qwen", cut=cut))
        assert not re.fullmatch(pattern, pod_of(other, "qwen-long", cut=cut))


def test_pods_are_taken_away_slower_than_they_come(rendered: Rendered):
    """Scaling down waits, for a model group longer than its start may take; scaling up does not."""
    for manifest in rendered.kind("HorizontalPodAutoscaler") + rendered.kind("ScaledObject"):
        spec = manifest["spec"]
        behaviour = spec.get("behavior") or spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        down = behaviour["scaleDown"]["stabilizationWindowSeconds"]
        assert behaviour["scaleUp"]["stabilizationWindowSeconds"] == 0
        (pod,) = [pod for pod in rendered.pods if pod.owner["metadata"]["name"] == spec["scaleTargetRef"]["name"]]
        probe = pod.main["startupProbe"]
        assert down >= min(probe["periodSeconds"] * probe["failureThreshold"], 1800), name_of(manifest)


def test_least_and_most_are_in_order(rendered: Rendered):
    """An autoscaler never starts from nothing and has somewhere to go."""
    for manifest in rendered.kind("HorizontalPodAutoscaler") + rendered.kind("ScaledObject"):
        spec = manifest["spec"]
        least = spec.get("minReplicas", spec.get("minReplicaCount"))
        assert 1 <= least <= spec.get("maxReplicas", spec.get("maxReplicaCount")), name_of(manifest)


def test_no_budget_blocks_the_drain_of_an_only_pod(rendered: Rendered):
    """Budgets say how many may go, never how many must stay; a sick pod may always go."""
    for manifest in rendered.kind("PodDisruptionBudget"):
        spec = manifest["spec"]
        assert "minAvailable" not in spec, name_of(manifest)
        assert spec["maxUnavailable"] >= 1, name_of(manifest)
        assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow", name_of(manifest)
        assert any(matches(spec["selector"], pod.labels) for pod in rendered.pods)


def test_updates_can_begin_and_end(rendered: Rendered):
    """Never zero both above and below; a volume of one node is let go of before the next pod wants it."""
    for manifest in rendered.kind("Deployment"):
        strategy = manifest["spec"]["strategy"]
        if strategy["type"] == "RollingUpdate":
            numbers = strategy["rollingUpdate"]
            assert [numbers["maxSurge"], numbers["maxUnavailable"]] != [0, 0], name_of(manifest)
        assert manifest["spec"]["revisionHistoryLimit"] <= 10


def test_a_volume_of_one_node_has_one_user(combination: str, rendered: Rendered):
    """A ReadWriteOnce claim is used by one workload of one pod, which is stopped before its successor starts."""
    narrow = {
        each["metadata"]["name"]
        for each in rendered.kind("PersistentVolumeClaim")
        if not {"ReadWriteMany", "ReadOnlyMany"} & set(each["spec"]["accessModes"])
    }
    users: dict[str, list] = {}
    for pod in rendered.pods:
        for volume in pod.volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim in narrow:
                users.setdefault(claim, []).append(pod)
    for claim, pods in users.items():
        (pod,) = pods
        assert (pod.owner["kind"], pod.owner["metadata"]["name"]) not in scalers(rendered), claim
        assert pod.owner["spec"]["replicas"] == 1, claim
        assert pod.owner["spec"]["strategy"]["type"] == "Recreate", (combination, claim)


def test_no_spare_gpu_is_needed_for_an_update():
    """A model group's update takes its pod away first, unless values say that there is room."""
    (group,) = render(ALL["one model group"]).component("Deployment", "vllm")
    assert group["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    values = {
        "vllm": {"groups": {"qwen": {"profile": "qwen2.5-omni-3b", "strategy": {"maxSurge": 1, "maxUnavailable": 0}}}}
    }
    (group,) = render(values).component("Deployment", "vllm")
    assert group["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
