"""The fields that Kubernetes lets nobody change once an object exists."""

from collections.abc import Iterator, Mapping

_FIXED = {
    "Deployment": ["spec.selector"],
    "StatefulSet": ["spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"],
    "Job": ["spec.selector", "spec.template", "spec.completions", "spec.completionMode"],
    "Service": ["spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies"],
    "PersistentVolumeClaim": [
        "spec.accessModes",
        "spec.storageClassName",
        "spec.selector",
        "spec.volumeName",
        "spec.volumeMode",
    ],
    "PriorityClass": ["value", "preemptionPolicy"],
    "RoleBinding": ["roleRef"],
    "Secret": ["type"],
}


def changed_where_forbidden(old: Mapping, new: Mapping) -> list[str]:
    """The immutable fields in which two versions of one object differ."""
    return [path for path in _fixed(old) if _at(old, path) != _at(new, path)]


def _fixed(manifest: Mapping) -> Iterator[str]:
    yield from _FIXED.get(manifest["kind"], [])
    if manifest["kind"] in ("Secret", "ConfigMap") and manifest.get("immutable"):
        yield from ("data", "immutable")


def _at(manifest: Mapping, path: str) -> object:
    found: object = manifest
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
