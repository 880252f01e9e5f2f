"""Prometheus' relabelling, as far as scrape configs of pods use it."""

import re
from collections.abc import Iterable, Mapping


def relabel(labels: Mapping[str, str], rules: Iterable[Mapping]) -> dict[str, str] | None:
    """The labels of a target after the rules of a scrape config; None where it is dropped."""
    result = dict(labels)
    for rule in rules:
        separator = rule.get("separator", ";")
        value = separator.join(result.get(name, "") for name in rule.get("source_labels") or [])
        found = re.fullmatch(rule.get("regex", "(.*)"), value)
        match rule.get("action", "replace"):
            case "keep" if not found:
                return None
            case "drop" if found:
                return None
            case "replace" if found:
                template = re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", rule.get("replacement", "$1"))
                result[rule["target_label"]] = found.expand(template)
            case "keep" | "drop" | "replace":
                pass
            case other:
                raise NotImplementedError(other)
    return result


def labels_of_pod(namespace: str, name: str, address: str, port: int, pod: Mapping) -> dict[str, str]:
    """What Kubernetes' discovery says of a container's port; `pod` has labels and annotations."""
    found = {
        "__address__": f"{address}:{port}",
        "__metrics_path__": "/metrics",
        "__meta_kubernetes_namespace": namespace,
        "__meta_kubernetes_pod_name": name,
        "__meta_kubernetes_pod_ip": address,
        "__meta_kubernetes_pod_container_init": "false",
    }
    for kind in ("label", "annotation"):
        for key, value in pod[f"{kind}s"].items():
            found[f"__meta_kubernetes_pod_{kind}_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"] = value
    return found
