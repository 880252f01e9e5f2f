"""Pod Security's `restricted` level, written out from the Kubernetes standard: what a pod does that it forbids."""

from collections.abc import Iterator

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SAFE_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
}
_SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def violations(spec: dict) -> list[str]:
    """What in a pod's spec `restricted` does not allow, in words."""
    of_containers = (found for each in _containers(spec) for found in _of_container(spec, each))
    return [*_of_pod(spec), *_of_volumes(spec), *of_containers]


def _containers(spec: dict) -> list[dict]:
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [each for kind in kinds for each in spec.get(kind) or []]


def _of_pod(spec: dict) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{field} is true"
    context = spec.get("securityContext") or {}
    for sysctl in context.get("sysctls") or []:
        if sysctl["name"] not in _SAFE_SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    yield from _of_both("pod", context)


def _of_volumes(spec: dict) -> Iterator[str]:
    for volume in spec.get("volumes") or []:
        for kind in set(volume) - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} is a {kind}"


def _of_both(who: str, context: dict) -> Iterator[str]:
    """What pods and containers can both say."""
    if context.get("runAsUser") == 0:
        yield f"{who} runs as user 0"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{who} is a host process"
    linux = context.get("seLinuxOptions") or {}
    if linux.get("type", "") not in _SELINUX_TYPES or linux.get("user") or linux.get("role"):
        yield f"{who} sets SELinux options"
    for field in ("seccompProfile", "appArmorProfile"):
        if (context.get(field) or {}).get("type") == "Unconfined":
            yield f"{who} has an unconfined {field}"


def _of_container(spec: dict, container: dict) -> Iterator[str]:
    who = f"container {container['name']}"
    context = container.get("securityContext") or {}
    pod = spec.get("securityContext") or {}
    yield from _of_both(who, context)
    if context.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"{who} may run as root"
    seccomp = context.get("seccompProfile") or pod.get("seccompProfile") or {}
    if seccomp.get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{who} has no seccomp profile"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{who} may escalate privileges"
    if context.get("privileged"):
        yield f"{who} is privileged"
    if context.get("procMount", "Default") != "Default":
        yield f"{who} has /proc unmasked"
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield f"{who} keeps capabilities"
    for added in set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield f"{who} adds the capability {added}"
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield f"{who} takes port {port['hostPort']} of the node"
    yield from _of_hooks(who, container)


def _of_hooks(who: str, container: dict) -> Iterator[str]:
    """Probes and hooks must not be pointed at another host."""
    hooks = [container.get(name) or {} for name in ("livenessProbe", "readinessProbe", "startupProbe")]
    hooks += [hook or {} for hook in (container.get("lifecycle") or {}).values() if isinstance(hook, dict)]
    for hook in hooks:
        for way in ("httpGet", "tcpSocket"):
            if (hook.get(way) or {}).get("host"):
                yield f"{who} has a probe or hook that calls another host"
