"""Secrets and roles: nothing secret stands in a manifest but in a Secret, and a role reaches the pod that needs it."""

import base64
from collections.abc import Iterator

import yaml

from .chart import CHART, render
from .combinations import ALL, S3
from .manifests import Rendered, name_of

ROLE = "arn:aws:iam::123456789012:role/viva"
IRSA = {"eks.amazonaws.com/role-arn": ROLE}


def texts(value: object) -> Iterator[str]:
    """Every text in a manifest."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_a_given_password_is_in_the_secret_and_nowhere_else():
    """Neither in a variable, an argument, a file of configuration, an annotation's checksum, nor the notes."""
    word = "sentinel-of-a-password"
    rendered = render({"redis": {"auth": {"password": word}}})
    (secret,) = rendered.kind("Secret")
    assert base64.b64decode(secret["data"]["password"]).decode() == word
    holding = {name_of(each) for each in rendered.objects for text in texts(each) if word in text}
    assert holding == set()
    assert word not in rendered.notes


def test_a_generated_password_is_not_shown_either():
    """The notes say how to read it at most."""
    rendered = render()
    (secret,) = rendered.kind("Secret")
    word = base64.b64decode(secret["data"]["password"]).decode()
    assert word not in rendered.notes
    assert [name_of(each) for each in rendered.objects for text in texts(each) if word in text] == []


def test_variables_that_hold_secrets_come_by_reference(rendered: Rendered):
    """A variable whose name says password, key, token or secret has no value of its own."""
    for pod in rendered.pods:
        for container in pod.all_containers:
            for variable in container.get("env") or []:
                words = set(variable["name"].split("_"))
                if words & {"PASSWORD", "TOKEN", "SECRET", "AUTH"} or variable["name"].endswith("API_KEY"):
                    assert "secretKeyRef" in variable.get("valueFrom", {}), (str(pod), variable["name"])


def test_an_existing_secret_means_that_none_is_made():
    """With the password in a Secret of one's own, or another Redis, the chart has no Secret at all."""
    for combination in ("redis with the password of a secret", "redis by URL", "redis by secret"):
        assert render(ALL[combination]).kind("Secret") == [], combination


def test_the_password_reaches_redis_and_the_orchestrator_from_one_key():
    """Both refer to the same Secret and key, whoever made it."""
    for combination in ("defaults", "redis with the password of a secret"):
        rendered = render(ALL[combination])
        keys = {
            (variable["valueFrom"]["secretKeyRef"]["name"], variable["valueFrom"]["secretKeyRef"]["key"])
            for pod in rendered.pods
            if pod.component in ("orchestrator", "redis")
            for variable in pod.main["env"]
            if variable["name"] == "REDIS_PASSWORD"
        }
        assert len(keys) == 1, combination


def test_a_role_is_on_the_account_of_the_pod_that_needs_it():
    """S3 by IRSA: the annotation is on the orchestrator's ServiceAccount, which its pod uses, and on no other."""
    rendered = render({"objectStore": S3, "orchestrator": {"serviceAccount": {"annotations": IRSA}}})
    annotated = [
        each["metadata"]["name"] for each in rendered.kind("ServiceAccount") if each["metadata"].get("annotations")
    ]
    assert annotated == ["viva-orchestrator"]
    (pod,) = [pod for pod in rendered.pods if pod.component == "orchestrator"]
    assert pod.spec["serviceAccountName"] == "viva-orchestrator"
    names = [variable["name"] for variable in pod.main["env"]]
    assert "AWS_ACCESS_KEY_ID" not in names


def test_every_component_has_an_account_of_its_own():
    """A role of one is not the role of another."""
    accounts = {pod.component: pod.spec["serviceAccountName"] for pod in render(ALL["one model group"]).pods}
    assert len(set(accounts.values())) == len(accounts)


def test_chart_metadata_says_what_an_index_of_charts_shows():
    """Licence, category and changes for artifacthub, and the oldest Kubernetes."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["apiVersion"] == "v2"
    assert chart["type"] == "application"
    assert chart["kubeVersion"]
    annotations = chart["annotations"]
    assert annotations["artifacthub.io/license"] == "Apache-2.0"
    assert yaml.safe_load(annotations["artifacthub.io/changes"])
