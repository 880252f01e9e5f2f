"""What the manifests tell the services is what the services know: variables, routes, entry points, folders."""

import re
import tomllib
from functools import cache
from importlib import import_module

import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from viva.service.settings import explain, read_settings, variable_name
from viva.stack.environment import settings_classes

from .chart import CHART, ROOT, render
from .combinations import ALL, STAGES
from .manifests import Rendered
from .pods import Pod
from .variables import Surroundings, dockerfile, entry_point, environment

NOT_OURS = {
    "AWS_ACCESS_KEY_ID": "obstore reads it",
    "AWS_REGION": "obstore reads it",
    "AWS_SECRET_ACCESS_KEY": "obstore reads it",
    "HOME": "libraries keep caches there",
    "HTTP_PROXY": "given by a combination of the tests",
    "OMP_NUM_THREADS": "ONNX Runtime and CTranslate2 read it",
    "OTEL_TRACES_SAMPLER": "OpenTelemetry reads it",
    "OTEL_TRACES_SAMPLER_ARG": "OpenTelemetry reads it",
    "REDIS_PASSWORD": "put together with VIVA_REDIS_URL",
}
"""Variables of the services' pods that are no setting, each with who reads it."""


def stages_of(rendered: Rendered) -> list[Pod]:
    return [pod for pod in rendered.pods if pod.component in STAGES and pod.is_service]


@cache
def variables_of(service: str) -> frozenset[str]:
    cls = settings_classes()[service]
    return frozenset(variable_name(cls, field) for field in cls.model_fields)


@cache
def routes_of(service: str) -> frozenset[str]:
    """The paths that a service answers, with those of its documents."""
    app: FastAPI = import_module(f"viva_{service}.app").create_app(settings_classes()[service]())
    included = [route.original_router for route in app.routes if hasattr(route, "original_router")]
    routes = [*app.routes, *(route for router in included for route in router.routes)]
    return frozenset(route.path for route in routes if hasattr(route, "path"))


def test_every_variable_is_a_setting_of_its_service(rendered: Rendered):
    """A misspelt or removed variable would be ignored in silence; the others are listed above."""
    for pod in stages_of(rendered):
        for variable in pod.main["env"]:
            known = variables_of(pod.component) | set(NOT_OURS)
            assert variable["name"] in known, f"{pod}: {variable['name']}"


def test_every_exception_is_needed():
    """No name stays in the list of exceptions that no manifest has."""
    seen = {each["name"] for values in ALL.values() for pod in stages_of(render(values)) for each in pod.main["env"]}
    assert set(NOT_OURS) - seen == set()


def test_the_services_take_the_values(rendered: Rendered):
    """Each service reads its settings from exactly the environment that its manifest gives it."""
    for pod in stages_of(rendered):
        cls = settings_classes()[pod.component]
        environ = environment(pod, pod.main, Surroundings(rendered, made_up=True))
        try:
            settings = read_settings(cls, environ)
        except ValidationError as error:
            pytest.fail(f"{pod}: {explain(cls, error)}")
        assert settings.port == pod.port_numbers["http"]
        assert settings.host == "0.0.0.0"
        assert settings.log_format == "json"


def test_every_service_sends_traces_to_the_same_collector():
    """Else a turn's trace would have holes; without an address nobody sends any."""
    for combination, endpoint in (("traces", "http://collector.monitoring:4318"), ("defaults", "")):
        rendered = render(ALL[combination])
        pods = stages_of(rendered)
        assert {pod.component for pod in pods} == set(STAGES)
        for pod in pods:
            environ = environment(pod, pod.main, Surroundings(rendered, made_up=True))
            assert read_settings(settings_classes()[pod.component], environ).otlp_endpoint == endpoint
            assert environ.get("OTEL_TRACES_SAMPLER_ARG") == ("0.25" if endpoint else None)


def test_probes_ask_for_routes_that_are_there(rendered: Rendered):
    """Each path that a probe or an annotation names is one of the service."""
    for pod in stages_of(rendered):
        routes = routes_of(pod.component)
        paths = [pod.main[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")]
        paths += [value for name, value in pod.annotations.items() if name == "prometheus.io/path"]
        assert set(paths) <= routes, str(pod)


def ways_in(way: dict) -> tuple[set[str], set[str]]:
    """The paths that an Ingress or an HTTPRoute lets through: beginnings, and whole ones."""
    found: dict[str, set[str]] = {"Prefix": set(), "Exact": set()}
    for rule in way["spec"]["rules"]:
        for path in rule.get("http", {}).get("paths", []):
            found[path["pathType"]].add(path["path"])
        for match in rule.get("matches", []):
            found[match["path"]["type"].removeprefix("Path")].add(match["path"]["value"])
    return found["Prefix"], found["Exact"]


def test_the_page_can_be_kept_inside():
    """Without `ingress.page` neither `/` nor its files are reachable."""
    values = ALL["ALB"]
    (way,) = render(values | {"ingress": values["ingress"] | {"page": False}}).kind("Ingress")
    prefixes, exact = ways_in(way)
    assert (exact, "/web" in prefixes) == (set(), False)


@pytest.mark.parametrize("combination", ["ALB", "another ingress", "Gateway API"])
def test_the_way_in_leads_to_routes_that_are_there(combination: str):
    """Each beginning of a path that the edge lets through begins a route, and none lets /metrics or /status through."""
    rendered = render(ALL[combination])
    (way,) = [*rendered.kind("Ingress"), *rendered.kind("HTTPRoute")]
    routes = routes_of("orchestrator")
    prefixes, exact = ways_in(way)
    assert exact == {"/"}
    assert exact <= routes
    assert {"/v1", "/voice", "/web"} <= prefixes
    for prefix in prefixes:
        assert any(route == prefix or route.startswith(prefix + "/") for route in routes), prefix
        for inner in ("/metrics", "/status"):
            assert inner != prefix
            assert not inner.startswith(prefix.rstrip("/") + "/")


@pytest.mark.parametrize("service", STAGES)
def test_a_pod_runs_what_its_image_runs(service: str):
    """The manifest leaves the entry point to the image, or names the same; port, user and name are the image's too."""
    (pod,) = [pod for pod in stages_of(render()) if pod.component == service]
    security = pod.spec["securityContext"]
    text = dockerfile(service)
    assert pod.main.get("command", entry_point(service)) == entry_point(service)
    assert pod.port_numbers == {"http": int(re.findall(r"^EXPOSE (\d+)$", text, re.MULTILINE)[-1])}
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE)[-1] == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert pod.main["image"].split(":")[0] == f"localhost/viva-{service}"  # as scripts/images calls it


@pytest.mark.parametrize("service", STAGES)
def test_folders_in_the_settings_are_on_volumes(service: str):
    """With a read-only root, what a service writes to must be mounted: objects, uploads, HOME, models."""
    for combination in ("defaults", "objects in an emptyDir", "speech models in emptyDirs"):
        rendered = render(ALL[combination])
        (pod,) = [pod for pod in stages_of(rendered) if pod.component == service]
        environ = environment(pod, pod.main, Surroundings(rendered, made_up=True))
        mounts = [each["mountPath"] for each in pod.main["volumeMounts"] if not each.get("readOnly")]
        for name in ("HOME", "VIVA_OBJECT_STORE_URL", "VIVA_TEMP_DIR"):
            if name in environ:
                path = environ[name].removeprefix("file://")
                assert any(path == mount or path.startswith(mount + "/") for mount in mounts), (combination, name)
        assert "/tmp" in mounts


def test_versions_are_those_of_the_services():
    """appVersion, and with it the images' tag, is the version in pyproject.toml."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = (CHART / "Chart.yaml").read_text()
    assert re.search(r'^appVersion: "(.*)"$', chart, re.MULTILINE)[1] == version
    for pod in stages_of(render()):
        assert pod.main["image"].endswith(f":{version}")
