"""The tests' own reading of Pod Security's `restricted` level: one offence at a time is found."""

import copy

import pytest

from .pod_security import violations

GOOD = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "main",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}


def broken(**changes) -> list[str]:
    """Violations of the good pod with paths like container_securityContext_privileged changed."""
    spec = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *way, last = path.split("__")
        place = spec["containers"][0] if way and way[0] == "container" else spec
        for step in way[1:] if way and way[0] == "container" else way:
            place = place.setdefault(step, {})
        if value is None:
            del place[last]
        else:
            place[last] = value
    return violations(spec)


def test_a_good_pod_has_none():
    """The least that the level asks for is enough."""
    assert broken() == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"hostPID": True}, "hostPID"),
        ({"volumes": [{"name": "disk", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"volumes": [{"name": "disk", "nfs": {"server": "a", "path": "/"}}]}, "nfs"),
        ({"securityContext__runAsNonRoot": None}, "may run as root"),
        ({"container__securityContext__runAsNonRoot": False}, "may run as root"),
        ({"securityContext__runAsUser": 0}, "user 0"),
        ({"container__securityContext__runAsUser": 0}, "user 0"),
        ({"securityContext__seccompProfile": None}, "no seccomp"),
        ({"container__securityContext__seccompProfile": {"type": "Unconfined"}}, "seccomp"),
        ({"securityContext__sysctls": [{"name": "kernel.msgmax", "value": "1"}]}, "sysctl"),
        ({"securityContext__seLinuxOptions": {"type": "spc_t"}}, "SELinux"),
        ({"container__securityContext__allowPrivilegeEscalation": None}, "escalate"),
        ({"container__securityContext__privileged": True}, "privileged"),
        ({"container__securityContext__procMount": "Unmasked"}, "/proc"),
        ({"container__securityContext__capabilities": {"drop": ["NET_RAW"]}}, "keeps capabilities"),
        ({"container__securityContext__capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}, "SYS_ADMIN"),
        ({"container__ports": [{"containerPort": 80, "hostPort": 80}]}, "port 80 of the node"),
        ({"container__livenessProbe": {"httpGet": {"host": "example.org", "port": 80}}}, "another host"),
    ],
    ids=str,
)
def test_each_offence_is_named(change, word):
    """Whatever the standard forbids is said, and only that."""
    found = broken(**change)
    assert found
    assert all(word in each for each in found)


def test_init_containers_are_held_to_it_too():
    """A pod is as safe as its first container."""
    spec = copy.deepcopy(GOOD)
    spec["initContainers"] = [{"name": "first", "securityContext": {"privileged": True}}]
    assert any("first is privileged" in each for each in violations(spec))
