"""A release's life on a Kubernetes API in memory: install, upgrade, roll back, uninstall, with Helm itself."""

import base64
import copy
import re
from collections.abc import Iterator
from pathlib import Path

import helm_python
import pytest

from .api_server import BUILT_IN, CUSTOM, ApiServer
from .chart import CHART, NAMESPACE, RELEASE, forget, render
from .combinations import ALL
from .immutable import changed_where_forbidden
from .manifests import name_of


class Helm:
    """Helm, connected to an API in memory."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api
        self._config = helm_python.Config(
            kubeconfig_content=api.kubeconfig,
            namespace=NAMESPACE,
            storage_driver="memory",
            burst_limit=10_000,  # no waiting between calls
            qps=10_000,
        )

    def install(self, values: dict | None = None, chart: Path = CHART) -> None:
        self._config.install(chart, RELEASE, values or {}, namespace=NAMESPACE)

    def upgrade(self, values: dict | None = None, chart: Path = CHART) -> None:
        self._config.upgrade(chart, RELEASE, values or {}, namespace=NAMESPACE)

    def rollback(self) -> None:
        self._config.rollback(RELEASE)

    def uninstall(self) -> None:
        self._config.uninstall(RELEASE)

    def snapshot(self) -> dict[str, dict]:
        return copy.deepcopy(self.api.objects)

    def close(self) -> None:
        self._config.close()


@pytest.fixture
def helm() -> Iterator[Helm]:
    with ApiServer() as api:
        connected = Helm(api)
        yield connected
        connected.close()


@pytest.fixture(scope="module")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as its next version would be published."""
    folder = tmp_path_factory.mktemp("next")
    return Path(helm_python.package(CHART, destination=folder, version="0.2.0", app_version="0.2.0"))


def test_a_plain_install_asks_nothing_of_the_cluster(helm: Helm):
    """No values, no operator: everything that is rendered is taken by an API with Kubernetes' own kinds alone."""
    helm.install()
    wanted = {name_of(manifest) for manifest in render().objects if "helm.sh/hook" not in str(manifest)}
    assert {name_of(manifest) for manifest in helm.api.objects.values()} == wanted


def test_an_upgrade_with_the_same_values_changes_nothing(helm: Helm):
    """Not one byte of what is applied, the generated password included."""
    helm.install()
    before = helm.snapshot()
    helm.upgrade()
    assert helm.api.objects == before


def test_the_next_version_changes_no_immutable_field(helm: Helm, next_version: Path):
    """The API refuses such a change as a real one does; the new version is in the labels and the images."""
    helm.install()
    before = helm.snapshot()
    helm.upgrade(chart=next_version)
    assert set(helm.api.objects) == set(before)
    images = re.findall(r"'image': 'localhost/viva-[a-z]+:([^']+)'", str(helm.api.kind("Deployment")))
    assert set(images) == {"0.2.0"}


def test_the_next_version_does_not_restart_redis(helm: Helm, next_version: Path):
    """Its pod's template stays as it is: a release of ours is no reason to interrupt the sessions."""
    helm.install()
    (before,) = copy.deepcopy(helm.api.kind("StatefulSet"))
    helm.upgrade(chart=next_version)
    (after,) = helm.api.kind("StatefulSet")
    assert after["spec"] == before["spec"]


def test_no_combination_changes_an_immutable_field_with_the_version(combination: str, next_version: Path):
    """Selectors, claims' templates, names of Services, the data of immutable objects."""
    new = {
        name_of(manifest): manifest for manifest in render(ALL[combination], chart=next_version, upgrade=True).objects
    }
    old = {name_of(manifest): manifest for manifest in render(ALL[combination]).objects}
    jobs = {name for name in {*old, *new} if name.startswith("Job/")}  # judged below
    assert set(old) - jobs == set(new) - jobs
    for name in set(old) - jobs:
        assert changed_where_forbidden(old[name], new[name]) == [], name


def test_a_job_is_another_one_when_its_template_changes(next_version: Path):
    """A Job's template cannot be changed: it is a hook that is made anew, or has another name, or stays the same."""
    values = ALL["models on a shared volume, by a job"]
    (old,) = render(values).kind("Job")
    (new,) = render(values, chart=next_version, upgrade=True).kind("Job")
    deleted_first = "before-hook-creation" in old["metadata"].get("annotations", {}).get(
        "helm.sh/hook-delete-policy", ""
    )
    same_name = old["metadata"]["name"] == new["metadata"]["name"]
    assert deleted_first or not same_name or changed_where_forbidden(old, new) == []


def test_the_password_is_made_once_and_kept(helm: Helm, next_version: Path):
    """Over an upgrade, another version, and a change of other values; long, and of characters that a URL can hold."""
    helm.install()
    first = password(helm)
    assert re.fullmatch(r"[A-Za-z0-9]{24,}", first)
    helm.upgrade({"asr": {"autoscaling": {"enabled": False}, "replicas": 2}}, next_version)
    assert password(helm) == first
    helm.rollback()
    assert password(helm) == first


def test_two_installs_have_two_passwords():
    """It is made by chance, not from the release's name."""
    found = set()
    for _ in range(2):
        with ApiServer() as api:
            helm = Helm(api)
            helm.install()
            found.add(password(helm))
            helm.close()
    assert len(found) == 2


def password(helm: Helm) -> str:
    """That of the in-cluster Redis."""
    (secret,) = helm.api.kind("Secret")
    if "data" in secret:
        return base64.b64decode(secret["data"]["password"]).decode()
    return secret["stringData"]["password"]


@pytest.mark.parametrize("combination", ["redis with a given password", "two model groups, HPA", "Prometheus operator"])
def test_the_same_values_render_the_same_text(combination: str):
    """With a given password, two renderings are equal byte for byte: no time, no chance, no order of maps."""
    given = ALL[combination] | {"redis": {"auth": {"password": "given"}}}
    first = render(given).texts
    forget()
    assert render(given).texts == first


def test_uninstalling_keeps_what_cannot_be_made_again(helm: Helm):
    """Recordings and Redis' data stay on their claims, and the password beside them; everything else goes."""
    helm.install()
    helm.uninstall()
    kept = {name_of(manifest) for manifest in helm.api.objects.values()}
    assert kept - {"Secret/viva-redis"} == {"PersistentVolumeClaim/viva-objects"}


def test_objects_of_operators_are_applied_where_the_operators_are():
    """With the APIs there, what the combinations ask for is installed without turning the check off."""
    for combination in ("KEDA", "Gateway API", "a gateway of its own", "Prometheus operator"):
        with ApiServer(BUILT_IN + CUSTOM) as api:
            helm = Helm(api)
            helm.install(ALL[combination] | {"checkApis": True})
            assert any("." in found["apiVersion"].split("/")[0] for found in api.objects.values()), combination
            helm.close()


def test_objects_of_operators_are_refused_where_the_operators_are_not(helm: Helm):
    """The sentence comes from the install itself, before anything is applied."""
    with pytest.raises(helm_python.HelmError, match="KEDA is not installed in this cluster"):
        helm.install(ALL["KEDA"] | {"checkApis": True})
    assert helm.api.objects == {}


def test_the_api_in_memory_refuses_what_kubernetes_refuses(helm: Helm):
    """Were a selector changed, the upgrade would fail here too."""
    helm.install()
    (path,) = [path for path, found in helm.api.objects.items() if name_of(found) == "Deployment/viva-asr"]
    changed = copy.deepcopy(helm.api.objects[path])
    changed["spec"]["selector"]["matchLabels"]["app.kubernetes.io/version"] = "0.1.0"
    helm.api.objects[path] = changed
    with pytest.raises(helm_python.HelmError, match="immutable"):
        helm.upgrade()
