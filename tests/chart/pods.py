"""The pods that workloads make: their labels, containers, volumes and what they refer to."""

from collections.abc import Iterator
from dataclasses import dataclass

COMPONENT = "app.kubernetes.io/component"
GPU = "nvidia.com/gpu"
_TEMPLATES = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")


@dataclass(frozen=True)
class Pod:
    """One workload's pod."""

    owner: dict
    """The object that makes it: a Deployment, StatefulSet, Job or the Pod itself."""
    metadata: dict
    spec: dict

    def __str__(self) -> str:
        return f"{self.owner['kind']}/{self.owner['metadata']['name']}"

    @property
    def component(self) -> str:
        return self.labels.get(COMPONENT, "")

    @property
    def labels(self) -> dict[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def containers(self) -> list[dict]:
        """Those that stay, sidecars (init containers that always restart) among them."""
        return [*self.spec["containers"], *(each for each in self._init if each.get("restartPolicy") == "Always")]

    @property
    def all_containers(self) -> list[dict]:
        return [*self._init, *self.spec["containers"]]

    @property
    def _init(self) -> list[dict]:
        return self.spec.get("initContainers") or []

    @property
    def main(self) -> dict:
        """The container that the pod is there for."""
        return self.spec["containers"][0]

    @property
    def volumes(self) -> dict[str, dict]:
        """By name; a StatefulSet's claims are among them, as claims of their own."""
        own = {volume["name"]: volume for volume in self.spec.get("volumes") or []}
        return own | {claim["metadata"]["name"]: {"claimOfItsOwn": claim} for claim in self.claim_templates}

    @property
    def claim_templates(self) -> list[dict]:
        return self.owner["spec"].get("volumeClaimTemplates") or []

    @property
    def is_service(self) -> bool:
        """Whether it is meant to stay up, unlike a job's or a test's."""
        return self.owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet")

    @property
    def wants_gpu(self) -> bool:
        return any(GPU in (each.get("resources", {}).get("limits") or {}) for each in self.all_containers)

    @property
    def port_numbers(self) -> dict[str, int]:
        """Named container ports."""
        return {port["name"]: port["containerPort"] for each in self.containers for port in each.get("ports") or []}

    def references(self) -> Iterator[tuple[str, str, str | None]]:
        """Kind, name and key (None for the whole) of each ConfigMap, Secret, claim and account that must exist."""
        if account := self.spec.get("serviceAccountName"):
            yield "ServiceAccount", account, None
        for secret in self.spec.get("imagePullSecrets") or []:
            yield "Secret", secret["name"], None
        for volume in self.spec.get("volumes") or []:
            yield from _volume_references(volume)
        for container in self.all_containers:
            yield from _environment_references(container)


def pod_of(manifest: dict) -> Pod | None:
    """The pod that an object makes, None for objects that make none."""
    if manifest["kind"] == "Pod":
        return Pod(manifest, manifest["metadata"], manifest["spec"])
    if manifest["kind"] == "CronJob":
        template = manifest["spec"]["jobTemplate"]["spec"]["template"]
    elif manifest["kind"] in _TEMPLATES:
        template = manifest["spec"]["template"]
    else:
        return None
    return Pod(manifest, template["metadata"], template["spec"])


def _volume_references(volume: dict) -> Iterator[tuple[str, str, str | None]]:
    sources = (volume, *(volume.get("projected") or {}).get("sources", []))
    for source in sources:
        for field, kind, name in (
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
            ("secret", "Secret", "name"),
            ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
        ):
            part = source.get(field) or {}
            if name not in part or part.get("optional"):
                continue
            keys = [item["key"] for item in part.get("items") or []] or [None]
            for key in keys:
                yield kind, part[name], key


def _environment_references(container: dict) -> Iterator[tuple[str, str, str | None]]:
    for variable in container.get("env") or []:
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            reference = (variable.get("valueFrom") or {}).get(field)
            if reference and not reference.get("optional"):
                yield kind, reference["name"], reference["key"]
    for source in container.get("envFrom") or []:
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in source and not source[field].get("optional"):
                yield kind, source[field]["name"], None
