"""The way in from outside: TLS alone, HSTS, patience for streams, nothing open that was not asked for."""

import re

import pytest

from .chart import render
from .combinations import ALL, FRONT_DOOR, GATEWAY, NO_CLUSTER
from .manifests import Rendered

ALB = "alb.ingress.kubernetes.io"


def annotations_of_alb(**ingress: object) -> dict[str, str]:
    """Those of the Ingress for the AWS Load Balancer Controller, with values beside the combination's own."""
    values = ALL["ALB"]
    (ingress_object,) = render(values | {"ingress": values["ingress"] | ingress}).kind("Ingress")
    return ingress_object["metadata"]["annotations"]


def test_nothing_leads_in_unless_it_is_asked_for():
    """The plain install has Services inside the cluster alone: no Ingress, no route, no port of a node."""
    rendered = render()
    for kind in ("Ingress", "Gateway", "HTTPRoute"):
        assert rendered.kind(kind) == []
    assert {service["spec"]["type"] for service in rendered.kind("Service")} == {"ClusterIP"}


def test_only_the_orchestrator_is_led_to(rendered: Rendered):
    """Whatever the way in, the stages, Redis and the model servers have none."""
    for kind in ("Ingress", "HTTPRoute"):
        for manifest in rendered.kind(kind):
            pairs = re.findall(r"'service': \{'name': '([^']+)'|'backendRefs': \[\{'name': '([^']+)'", str(manifest))
            assert {name.rpartition("-")[2] for pair in pairs for name in pair if name} <= {"orchestrator"}


def test_an_ingress_speaks_tls_for_its_host(rendered: Rendered):
    """Every rule's host has a certificate: of a Secret, or of ACM where ALB finds it by the host."""
    for manifest in rendered.kind("Ingress"):
        covered = {host for each in manifest["spec"]["tls"] for host in each["hosts"]}
        assert {rule["host"] for rule in manifest["spec"]["rules"]} == covered
        assert manifest["spec"]["ingressClassName"]


def test_alb_redirects_to_tls_and_waits_for_streams():
    """HTTP only redirects; TLS 1.2 at least; the idle time is the value; a pod that leaves gets its drain."""
    annotations = annotations_of_alb(idleTimeoutSeconds=600)
    assert annotations[f"{ALB}/ssl-redirect"] == "443"
    assert "TLS13" in annotations[f"{ALB}/ssl-policy"]
    assert "idle_timeout.timeout_seconds=600" in annotations[f"{ALB}/load-balancer-attributes"]
    assert annotations[f"{ALB}/target-group-attributes"] == "deregistration_delay.timeout_seconds=75"
    assert annotations[f"{ALB}/healthcheck-path"] == "/readyz"


def test_the_edge_closes_idle_connections_first():
    """A request on a connection that the orchestrator has just closed would be a 502."""
    rendered = render(ALL["ALB"] | {"ingress": ALL["ALB"]["ingress"] | {"idleTimeoutSeconds": 600}})
    (pod,) = [pod for pod in rendered.kind("Deployment") if pod["metadata"]["name"].endswith("-orchestrator")]
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    assert {"name": "VIVA_KEEP_ALIVE_S", "value": "630"} in container["env"]


def test_alb_sends_hsts_unless_it_is_turned_off():
    """For a year, with the names below the host; another age and no names below as values say."""
    listener = f"{ALB}/listener-attributes.HTTPS-443"
    assert annotations_of_alb()[listener].endswith("=max-age=31536000; includeSubDomains")
    hsts = {"enabled": True, "maxAgeSeconds": 60, "includeSubDomains": False}
    assert annotations_of_alb(hsts=hsts)[listener].endswith("=max-age=60")
    assert listener not in annotations_of_alb(hsts={"enabled": False})


def test_given_annotations_win():
    """What the chart says to ALB can be said otherwise."""
    annotations = annotations_of_alb(annotations={f"{ALB}/ssl-policy": "ELBSecurityPolicy-TLS13-1-3-2021-06"})
    assert annotations[f"{ALB}/ssl-policy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"


def test_a_route_sends_hsts_with_every_rule():
    """The filter is on each rule; without it where it is turned off."""
    for enabled in (True, False):
        values = {**NO_CLUSTER, "networkPolicy": FRONT_DOOR, "ingress": GATEWAY | {"hsts": {"enabled": enabled}}}
        (route,) = render(values).kind("HTTPRoute")
        headers = ["Strict-Transport-Security" in str(rule.get("filters")) for rule in route["spec"]["rules"]]
        assert headers
        assert set(headers) == {enabled}


def test_a_route_belongs_to_the_gateway_that_is_named():
    """Its parents are the values', its host is one."""
    (route,) = render(ALL["Gateway API"]).kind("HTTPRoute")
    assert route["spec"]["parentRefs"] == GATEWAY["gateway"]["parentRefs"]
    assert route["spec"]["hostnames"] == ["viva.example.org"]


def test_a_gateway_of_its_own_redirects_http():
    """One listener with the certificate, and one whose only route leads to the other."""
    rendered = render(ALL["a gateway of its own"])
    (gateway,) = rendered.kind("Gateway")
    listeners = {each["name"]: each for each in gateway["spec"]["listeners"]}
    assert listeners["https"]["tls"]["certificateRefs"][0]["name"] == "viva-tls"
    routes = {route["spec"]["parentRefs"][0]["sectionName"]: route for route in rendered.kind("HTTPRoute")}
    assert set(routes) == set(listeners) == {"http", "https"}
    (rule,) = routes["http"]["spec"]["rules"]
    assert rule["filters"][0]["requestRedirect"]["scheme"] == "https"
    assert "backendRefs" not in rule


@pytest.mark.parametrize(
    ("mesh", "annotation"),
    [("linkerd", ("linkerd.io/inject", "enabled")), ("istio", ("sidecar.istio.io/inject", "true"))],
)
def test_a_mesh_takes_in_what_stays_and_leaves_out_what_ends(mesh: str, annotation: tuple[str, str]):
    """Services are injected; a job or test beside a sidecar that never ends would never end either."""
    name, value = annotation
    rendered = render({"mesh": {"type": mesh}})
    for pod in rendered.pods:
        said = {**pod.annotations, **pod.labels}.get(name)
        assert said == (value if pod.is_service else {"enabled": "disabled", "true": "false"}[value]), str(pod)


def test_no_mesh_no_mesh_annotations(combination: str, rendered: Rendered):
    """Only where values ask for it."""
    if "mesh" not in ALL[combination]:
        assert not re.search(r"linkerd|istio", str([[pod.annotations, pod.labels] for pod in rendered.pods]))
